import { deserializeDate, serializeDate } from "@web/core/l10n/dates";
import { KeepLast } from "@web/core/utils/concurrency";
import { useService } from "@web/core/utils/hooks";
import { useSetupAction } from "@web/search/action_hook";
import { formatInteger, formatPercentage } from "@web/views/fields/formatters";
import { Component, onWillStart, useState } from "@odoo/owl";
import { changedPeriod } from "../period";

const { DateTime } = luxon;

/**
 * A screen of figures of a period, by filters, from which lists are opened.
 *
 * Who extends it has `periods`: by code, the name of a period and its `dates`, a function
 * from today to the first and the last day (both luxon); and `fetch`, which asks the
 * server for the figures. Its template calls `spp_attendance.FiguresScreen.Period`.
 */
export class FiguresScreen extends Component {
    /**
     * @param {string} period the one to begin with
     * @param {object} filters what is chosen besides, as it is in the beginning
     */
    setupFigures(period, filters) {
        this.action = useService("action");
        this.orm = useService("orm");
        this.keepLast = new KeepLast();
        this.display = { controlPanel: {} };
        this.formatInteger = formatInteger;
        this.state = useState(
            this.props.state?.chosen || { period, ...this.periodDates(period), ...filters }
        );
        this.figures = useState({ data: null });
        // Who comes back from a list finds what was chosen before.
        useSetupAction({ getLocalState: () => ({ chosen: { ...this.state } }) });
        onWillStart(() => this.load());
    }

    async load() {
        this.figures.data = await this.keepLast.add(this.fetch());
    }

    // ---------------------------------------------------------------- filters

    periodDates(period) {
        const [first, last] = this.periods[period].dates(DateTime.local().startOf("day"));
        return { dateFrom: serializeDate(first), dateTo: serializeDate(last) };
    }

    change(values) {
        Object.assign(this.state, values);
        return this.load();
    }

    onPeriodChange(period) {
        if (period in this.periods) {
            this.change({ period, ...this.periodDates(period) });
        } else {
            this.state.period = period;
        }
    }

    date(name) {
        return deserializeDate(this.state[name]);
    }

    onDateChange(name, value) {
        if (value) {
            this.change({ period: "other", ...changedPeriod(this.state, name, value) });
        }
    }

    percentage(part, whole) {
        return whole ? formatPercentage(part / whole, { digits: [false, 0] }) : "–";
    }

    // ---------------------------------------------------- what is behind them

    openWindow(name, model, views, domain, context = {}) {
        return this.action.doAction({
            type: "ir.actions.act_window",
            name,
            res_model: model,
            views: views.map((view) => [false, view]),
            domain,
            context,
        });
    }
}
