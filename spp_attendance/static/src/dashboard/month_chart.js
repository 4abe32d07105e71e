import { loadBundle } from "@web/core/assets";
import { Component, onWillStart, useEffect, useRef } from "@odoo/owl";

/** A bar a month. The same numbers stand in a table that screen readers find. */
export class MonthChart extends Component {
    static template = "spp_attendance.MonthChart";
    static props = {
        title: String,
        labels: { type: Array, element: String },
        values: { type: Array, element: Number },
        onBarClick: Function,
    };

    setup() {
        this.canvas = useRef("canvas");
        onWillStart(() => loadBundle("web.chartjs_lib"));
        useEffect(
            () => {
                this.chart = new Chart(this.canvas.el, this.config);
                return () => this.chart.destroy();
            },
            () => [JSON.stringify([this.props.labels, this.props.values])]
        );
    }

    get config() {
        // Whatever the page's colours are, light or dark: bars as of the other charts,
        // text and lines as of the panel.
        const { color } = getComputedStyle(this.canvas.el);
        const { color: text, borderTopColor: lines } = getComputedStyle(
            this.canvas.el.closest(".spp_panel")
        );
        return {
            type: "bar",
            data: {
                labels: this.props.labels,
                datasets: [
                    {
                        label: this.props.title,
                        data: this.props.values,
                        backgroundColor: color,
                        maxBarThickness: 48,
                    },
                ],
            },
            options: {
                animation: false,
                maintainAspectRatio: false,
                onClick: (ev, bars) => bars.length && this.props.onBarClick(bars[0].index),
                onHover: (ev, bars) => {
                    this.canvas.el.style.cursor = bars.length ? "pointer" : "";
                },
                plugins: { legend: { display: false } },
                scales: {
                    x: { grid: { display: false }, ticks: { color: text } },
                    y: {
                        beginAtZero: true,
                        border: { display: false },
                        grid: { color: lines },
                        ticks: { color: text, precision: 0 },
                    },
                },
            },
        };
    }
}
