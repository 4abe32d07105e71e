import { loadBundle } from "@web/core/assets";
import { Component, onWillStart, useEffect, useRef } from "@odoo/owl";

/**
 * A bar a day, week or month, made of several parts. The same numbers stand in a table
 * that screen readers find.
 */
export class StackedChart extends Component {
    static template = "spp_attendance.StackedChart";
    static props = {
        title: String,
        labels: { type: Array, element: String },
        // ``color``: name of a colour of the dashboard, as in ``--spp-<name>``.
        series: {
            type: Array,
            element: {
                type: Object,
                shape: { name: String, label: String, color: String, values: Array },
            },
        },
        format: Function,
        isCount: { type: Boolean, optional: true },
        empty: String,
        onBarClick: Function,
    };
    static defaultProps = { isCount: false };

    setup() {
        this.canvas = useRef("canvas");
        onWillStart(() => loadBundle("web.chartjs_lib"));
        useEffect(
            (canvas) => {
                if (!canvas) {
                    return;
                }
                const chart = new Chart(canvas, this.config);
                return () => chart.destroy();
            },
            () => [
                this.canvas.el,
                JSON.stringify([this.props.labels, this.props.series]),
            ]
        );
    }

    get isEmpty() {
        return this.props.series.every(({ values }) => values.every((value) => !value));
    }

    get config() {
        const { labels, series, format, isCount, onBarClick } = this.props;
        const panel = getComputedStyle(this.canvas.el.closest(".spp_panel"));
        const { color: text, borderTopColor: lines } = panel;
        return {
            type: "bar",
            data: {
                labels,
                datasets: series.map(({ label, color, values }) => ({
                    label,
                    data: values,
                    backgroundColor: panel.getPropertyValue(`--spp-${color}`).trim(),
                    maxBarThickness: 48,
                })),
            },
            options: {
                animation: false,
                maintainAspectRatio: false,
                onClick: (ev, bars) =>
                    bars.length &&
                    onBarClick(bars[0].index, series[bars[0].datasetIndex].name),
                onHover: (ev, bars) => {
                    this.canvas.el.style.cursor = bars.length ? "pointer" : "";
                },
                plugins: {
                    legend: {
                        display: series.length > 1,
                        position: "bottom",
                        labels: { color: text, boxWidth: 12 },
                    },
                    tooltip: {
                        callbacks: {
                            label: ({ dataset, raw }) => `${dataset.label}: ${format(raw)}`,
                        },
                    },
                },
                scales: {
                    x: { stacked: true, grid: { display: false }, ticks: { color: text } },
                    y: {
                        stacked: true,
                        beginAtZero: true,
                        border: { display: false },
                        grid: { color: lines },
                        ticks: isCount
                            ? { color: text, precision: 0 }
                            : { color: text, callback: (value) => format(value) },
                    },
                },
            },
        };
    }
}
