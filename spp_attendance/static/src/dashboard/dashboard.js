import { DateTimeInput } from "@web/core/datetime/datetime_input";
import { Domain } from "@web/core/domain";
import { deserializeDate, serializeDate } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";
import { RecordSelector } from "@web/core/record_selectors/record_selector";
import { registry } from "@web/core/registry";
import { KeepLast } from "@web/core/utils/concurrency";
import { useService } from "@web/core/utils/hooks";
import { useSetupAction } from "@web/search/action_hook";
import { Layout } from "@web/search/layout";
import { formatInteger, formatPercentage } from "@web/views/fields/formatters";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { Component, onWillStart, useState } from "@odoo/owl";
import { changedPeriod } from "../period";
import { MonthChart } from "./month_chart";

const { DateTime } = luxon;

/** Rows of a list of bars; all of them are in the analysis. */
const MAX_BARS = 10;

/** Periods to choose from, each with its first day; all end today. */
const PERIODS = {
    month: { name: _t("This month"), first: (today) => today.startOf("month") },
    quarter: { name: _t("Last 3 months"), first: (today) => today.minus({ months: 3 }) },
    year: { name: _t("Last 12 months"), first: (today) => today.minus({ months: 12 }) },
    calendar_year: { name: _t("This year"), first: (today) => today.startOf("year") },
};

/** Of the charts, by what they count. */
const TITLES = {
    people: {
        month: _t("People reached by month"),
        area: _t("People reached by area"),
        type: _t("People reached by type"),
    },
    present: {
        month: _t("Times present by month"),
        area: _t("Times present by area"),
        type: _t("Times present by type"),
    },
};

/** A row of bars of an area or a type, the longest first; each opens its records. */
export class BarList extends Component {
    static template = "spp_attendance.BarList";
    static props = {
        title: String,
        groups: Array,
        measure: String,
        format: { type: Function, optional: true },
        onBarClick: Function,
        onMoreClick: Function,
    };
    static defaultProps = { format: formatInteger };

    get bars() {
        const { measure } = this.props;
        const groups = this.props.groups.toSorted((a, b) => b[measure] - a[measure]);
        const longest = groups[0]?.[measure] || 1;
        return groups.slice(0, MAX_BARS).map((group) => ({
            ...group,
            value: group[measure],
            width: (100 * group[measure]) / longest,
        }));
    }

    get hidden() {
        return Math.max(0, this.props.groups.length - MAX_BARS);
    }

    get moreLabel() {
        return _t("%s more in the analysis", this.hidden);
    }
}

export class ProgrammeDashboard extends Component {
    static template = "spp_attendance.ProgrammeDashboard";
    static components = { BarList, DateTimeInput, Layout, MonthChart, RecordSelector };
    static props = { ...standardActionServiceProps };

    setup() {
        this.action = useService("action");
        this.orm = useService("orm");
        this.keepLast = new KeepLast();
        this.display = { controlPanel: {} };
        this.periods = PERIODS;
        this.formatInteger = formatInteger;
        this.state = useState(
            this.props.state?.dashboard || {
                period: "quarter",
                ...this.periodDates("quarter"),
                areaId: false,
                typeId: false,
                measure: "people",
            }
        );
        this.figures = useState({ data: null });
        // Who comes back from a list finds what was chosen before.
        useSetupAction({ getLocalState: () => ({ dashboard: { ...this.state } }) });
        onWillStart(() => this.load());
    }

    periodDates(period) {
        const today = DateTime.local().startOf("day");
        return {
            dateFrom: serializeDate(PERIODS[period].first(today)),
            dateTo: serializeDate(today),
        };
    }

    async load() {
        const { dateFrom, dateTo, areaId, typeId } = this.state;
        this.figures.data = await this.keepLast.add(
            this.orm.call("spp.attendance.report", "get_dashboard", [], {
                date_from: dateFrom,
                date_to: dateTo,
                area_id: areaId,
                type_id: typeId,
            })
        );
    }

    // ---------------------------------------------------------------- filters

    change(values) {
        Object.assign(this.state, values);
        return this.load();
    }

    onPeriodChange(period) {
        if (period in PERIODS) {
            this.change({ period, ...this.periodDates(period) });
        } else {
            this.state.period = period;
        }
    }

    date(name) {
        return deserializeDate(this.state[name]);
    }

    onDateChange(name, value) {
        if (!value) {
            return;
        }
        this.change({ period: "other", ...changedPeriod(this.state, name, value) });
    }

    // ---------------------------------------------------------------- figures

    get isEmpty() {
        const { present, absent } = this.figures.data.totals;
        return !present && !absent;
    }

    percentage(part, whole) {
        return whole ? formatPercentage(part / whole, { digits: [false, 0] }) : "–";
    }

    get cards() {
        const { totals, expected, absentees } = this.figures.data;
        const cards = [
            {
                name: "people",
                title: _t("People reached"),
                value: formatInteger(totals.people),
                detail: _t("came at least once"),
                open: () => this.openPeople(),
            },
            {
                name: "records",
                title: _t("Records"),
                value: formatInteger(totals.present + totals.absent),
                detail: _t("%(present)s present, %(absent)s absent", {
                    present: formatInteger(totals.present),
                    absent: formatInteger(totals.absent),
                }),
                open: () => this.openRecords(_t("Records"), []),
            },
            {
                name: "rate",
                title: _t("Present"),
                value: this.percentage(totals.present, totals.present + totals.absent),
                detail: _t("of all records"),
                open: () => this.openAnalysis(["category"], "present"),
            },
        ];
        if (expected) {
            cards.push({
                name: "expected",
                title: _t("Expected people who came"),
                value: this.percentage(expected.came, expected.expected),
                detail: expected.events
                    ? _t("%(came)s of %(expected)s at %(events)s events", {
                          came: formatInteger(expected.came),
                          expected: formatInteger(expected.expected),
                          events: formatInteger(expected.events),
                      })
                    : _t("no events in this period"),
                open: () => this.openEvents(),
            });
        }
        cards.push({
            name: "absentees",
            title: _t("Absent %s days in a row", absentees.in_a_row),
            value: formatInteger(absentees.people),
            detail: _t("now; %s without a follow-up", absentees.without_follow_up),
            open: () => this.openAbsentees(),
        });
        return cards;
    }

    get titles() {
        return TITLES[this.state.measure];
    }

    get months() {
        return this.figures.data.months;
    }

    get monthLabels() {
        return this.months.map((month) => deserializeDate(month.key).toFormat("LLL yyyy"));
    }

    get monthValues() {
        return this.months.map((month) => month[this.state.measure]);
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

    openRecords(name, domain, context) {
        return this.openWindow(
            name,
            "spp.attendance.record",
            ["list", "kanban", "form", "calendar", "pivot", "graph"],
            Domain.and([this.figures.data.domain, domain]).toList(),
            context
        );
    }

    openPresent(name, domain, context) {
        return this.openRecords(name, [["category", "=", "present"], ...domain], context);
    }

    openPeople() {
        return this.openPresent(_t("People reached"), [], { group_by: ["subscriber_id"] });
    }

    openMonth(index) {
        const first = deserializeDate(this.months[index].key);
        return this.openPresent(this.monthLabels[index], [
            ["local_date", ">=", serializeDate(first)],
            ["local_date", "<=", serializeDate(first.endOf("month"))],
        ]);
    }

    openType(group) {
        return this.openPresent(group.name, [["type_id", "=", group.key]]);
    }

    openArea(group) {
        const area = group.key
            ? ["location_id", "child_of", group.key]
            : ["location_id", "=", false];
        return this.openPresent(group.name, [area]);
    }

    openAnalysis(groupBy, measure) {
        return this.openWindow(
            _t("Attendance Analysis"),
            "spp.attendance.report",
            ["pivot", "graph", "list"],
            this.figures.data.domain,
            {
                pivot_row_groupby: groupBy,
                pivot_column_groupby: ["local_date:month"],
                pivot_measures: [measure, "rate"],
                graph_groupbys: groupBy,
            }
        );
    }

    openEvents() {
        return this.openWindow(
            _t("Events"),
            "spp.attendance.event",
            ["list", "form"],
            this.figures.data.expected.domain
        );
    }

    openAbsentees() {
        return this.openWindow(
            _t("Absentees"),
            "spp.attendance.absentee",
            ["list", "kanban"],
            this.figures.data.absentees.domain
        );
    }

    recordAttendance() {
        return this.action.doAction("spp_attendance.spp_attendance_record_action");
    }
}

registry.category("actions").add("spp_attendance.dashboard", ProgrammeDashboard);
