import { DateTimeInput } from "@web/core/datetime/datetime_input";
import { Domain } from "@web/core/domain";
import { deserializeDate, serializeDate } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";
import { RecordSelector } from "@web/core/record_selectors/record_selector";
import { registry } from "@web/core/registry";
import { Layout } from "@web/search/layout";
import { formatInteger } from "@web/views/fields/formatters";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { BarList } from "../figures/bar_list";
import { FiguresScreen } from "../figures/figures_screen";
import { MonthChart } from "./month_chart";

/** Periods to choose from; all end today. */
const PERIODS = {
    month: {
        name: _t("This month"),
        dates: (today) => [today.startOf("month"), today],
    },
    quarter: {
        name: _t("Last 3 months"),
        dates: (today) => [today.minus({ months: 3 }), today],
    },
    year: {
        name: _t("Last 12 months"),
        dates: (today) => [today.minus({ months: 12 }), today],
    },
    calendar_year: {
        name: _t("This year"),
        dates: (today) => [today.startOf("year"), today],
    },
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

export class ProgrammeDashboard extends FiguresScreen {
    static template = "spp_attendance.ProgrammeDashboard";
    static components = { BarList, DateTimeInput, Layout, MonthChart, RecordSelector };
    static props = { ...standardActionServiceProps };

    setup() {
        this.periods = PERIODS;
        this.setupFigures("quarter", { areaId: false, typeId: false, measure: "people" });
    }

    fetch() {
        const { dateFrom, dateTo, areaId, typeId } = this.state;
        return this.orm.call("spp.attendance.report", "get_dashboard", [], {
            date_from: dateFrom,
            date_to: dateTo,
            area_id: areaId,
            type_id: typeId,
        });
    }

    // ---------------------------------------------------------------- figures

    get isEmpty() {
        const { present, absent } = this.figures.data.totals;
        return !present && !absent;
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
