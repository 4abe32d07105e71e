import { DateTimeInput } from "@web/core/datetime/datetime_input";
import { Domain } from "@web/core/domain";
import { deserializeDate } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";
import { RecordSelector } from "@web/core/record_selectors/record_selector";
import { registry } from "@web/core/registry";
import { Layout } from "@web/search/layout";
import { formatInteger, formatPercentage } from "@web/views/fields/formatters";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { formatMinutes } from "../day/hours";
import { BarList } from "../figures/bar_list";
import { FiguresScreen } from "../figures/figures_screen";
import { StackedChart } from "./stacked_chart";

/** Periods to choose from, each with its first and last day. */
const PERIODS = {
    today: { name: _t("Today"), dates: (today) => [today, today] },
    yesterday: {
        name: _t("Yesterday"),
        dates: (today) => [today.minus({ days: 1 }), today.minus({ days: 1 })],
    },
    week: { name: _t("Last 7 days"), dates: (today) => [today.minus({ days: 6 }), today] },
    days_30: {
        name: _t("Last 30 days"),
        dates: (today) => [today.minus({ days: 29 }), today],
    },
    month: { name: _t("This month"), dates: (today) => [today.startOf("month"), today] },
    last_month: {
        name: _t("Last month"),
        dates: (today) => {
            const first = today.minus({ months: 1 }).startOf("month");
            return [first, first.endOf("month").startOf("day")];
        },
    },
    year: {
        name: _t("Last 12 months"),
        dates: (today) => [today.minus({ months: 12 }), today],
    },
};

const LEVELS = { worker: _t("Workers"), staff: _t("Staff") };

const PRESENT = ["on_time", "considered", "late"];

/** What the lists of bars may show, and which of them has people. */
const MEASURES = {
    present: {
        name: _t("Present"),
        value: (group) => presentRate(group),
        format: (value) => formatPercentage(value, { digits: [false, 0] }),
        departments: _t("Present by department"),
        domain: [["status", "in", PRESENT]],
    },
    late: {
        name: _t("Late"),
        value: (group) => group.late,
        format: formatInteger,
        departments: _t("Late arrivals by department"),
        people: _t("Most often late"),
        nobody: _t("Nobody was late."),
        domain: [["status", "=", "late"]],
    },
    absent: {
        name: _t("Absent"),
        value: (group) => group.absent,
        format: formatInteger,
        departments: _t("Absences by department"),
        people: _t("Most often absent"),
        nobody: _t("Nobody was absent."),
        domain: [["status", "=", "absent"]],
    },
    overtime: {
        name: _t("Overtime"),
        value: (group) => group.overtime + group.extra,
        format: formatMinutes,
        departments: _t("Overtime by department"),
        people: _t("Most overtime"),
        nobody: _t("Nobody worked overtime."),
        domain: ["|", ["overtime_minutes", ">", 0], ["extra_overtime_minutes", ">", 0]],
    },
};

function present(group) {
    return group.on_time + group.considered + group.late;
}

/** Of the days on which somebody was present or absent; leave is neither. */
function presentRate(group) {
    const due = present(group) + group.absent;
    return due ? present(group) / due : 0;
}

export class DayOverview extends FiguresScreen {
    static template = "spp_attendance.DayOverview";
    static components = { BarList, DateTimeInput, Layout, RecordSelector, StackedChart };
    static props = { ...standardActionServiceProps };

    setup() {
        this.periods = PERIODS;
        this.levels = LEVELS;
        this.measures = MEASURES;
        this.formatHours = (hours) => formatMinutes(60 * hours);
        this.setupFigures("days_30", {
            departmentId: false,
            locationId: false,
            shiftId: false,
            level: "",
            measure: "late",
        });
    }

    fetch() {
        const { dateFrom, dateTo, departmentId, locationId, shiftId, level } = this.state;
        return this.orm.call("spp.attendance.day.overview", "get_overview", [], {
            date_from: dateFrom,
            date_to: dateTo,
            department_id: departmentId,
            location_id: locationId,
            shift_id: shiftId,
            level_of_work: level || false,
        });
    }

    // ---------------------------------------------------------------- figures

    get isEmpty() {
        return !this.figures.data.totals.days;
    }

    get cards() {
        const { totals } = this.figures.data;
        const came = present(totals);
        const due = came + totals.absent;
        return [
            {
                name: "present",
                title: _t("Present"),
                value: this.percentage(came, due),
                detail: _t("%(present)s of %(due)s days, %(people)s people", {
                    present: formatInteger(came),
                    due: formatInteger(due),
                    people: formatInteger(totals.people),
                }),
                open: () => this.openDays(_t("Present"), MEASURES.present.domain),
            },
            {
                name: "late",
                title: _t("Late"),
                value: formatInteger(totals.late),
                detail: totals.late
                    ? _t("%(rate)s of the days present, %(minutes)s on average", {
                          rate: this.percentage(totals.late, came),
                          minutes: formatMinutes(totals.late_minutes / totals.late),
                      })
                    : _t("nobody"),
                open: () => this.openIssues(_t("Late"), MEASURES.late.domain),
            },
            {
                name: "absent",
                title: _t("Absent"),
                value: formatInteger(totals.absent),
                detail: _t("and %s on leave", formatInteger(totals.leave)),
                open: () => this.openIssues(_t("Absent"), MEASURES.absent.domain),
            },
            {
                name: "missing",
                title: _t("Missing check-in or check-out"),
                value: formatInteger(totals.missing),
                detail: _t("%s days to review", formatInteger(totals.review)),
                open: () =>
                    this.openIssues(_t("Missing check-in or check-out"), [
                        "|",
                        "|",
                        ["missing_in", "=", true],
                        ["missing_out", "=", true],
                        ["needs_review", "=", true],
                    ]),
            },
            {
                name: "hours",
                title: _t("Hours present"),
                value: formatMinutes(totals.net),
                detail: _t("balance %s", formatMinutes(totals.balance)),
                open: () => this.openAnalysis(["department_id"], ["net_hours", "balance_hours"]),
            },
            {
                name: "overtime",
                title: _t("Overtime"),
                value: formatMinutes(totals.overtime + totals.extra),
                detail: _t("%s of it extra", formatMinutes(totals.extra)),
                open: () =>
                    this.openAnalysis(
                        ["department_id"],
                        ["overtime_hours", "extra_overtime_hours"]
                    ),
            },
            {
                name: "eligible",
                title: _t("Snacks and night bills"),
                value: _t("%(snacks)s and %(bills)s", {
                    snacks: formatInteger(totals.snacks),
                    bills: formatInteger(totals.night_bills),
                }),
                detail: _t("days eligible"),
                open: () => this.openEligible(),
            },
        ];
    }

    get buckets() {
        return this.figures.data.buckets;
    }

    get labels() {
        const { unit } = this.figures.data;
        return this.buckets.map((bucket) => {
            const day = deserializeDate(bucket.key);
            return unit === "month" ? day.toFormat("LLL yyyy") : day.toFormat("d LLL");
        });
    }

    get titles() {
        return {
            day: {
                presence: _t("Presence by day"),
                lateness: _t("Late and left early by day"),
                overtime: _t("Overtime by day"),
            },
            week: {
                presence: _t("Presence by week"),
                lateness: _t("Late and left early by week"),
                overtime: _t("Overtime by week"),
            },
            month: {
                presence: _t("Presence by month"),
                lateness: _t("Late and left early by month"),
                overtime: _t("Overtime by month"),
            },
        }[this.figures.data.unit];
    }

    series(...names) {
        const labels = {
            on_time: _t("On time"),
            considered: _t("Considered (within the grace)"),
            late: _t("Late"),
            absent: _t("Absent"),
            leave: _t("Leave"),
            left_early: _t("Left early"),
            overtime: _t("Overtime"),
            extra: _t("Extra overtime"),
        };
        return names.map((name) => ({
            name,
            label: labels[name],
            color: name,
            // Hours, for an axis of round numbers.
            values: this.buckets.map((bucket) =>
                ["overtime", "extra"].includes(name) ? bucket[name] / 60 : bucket[name]
            ),
        }));
    }

    get measure() {
        return MEASURES[this.state.measure];
    }

    get departments() {
        return this.bars(this.figures.data.departments);
    }

    get people() {
        return this.bars(this.figures.data.people[this.state.measure] || []);
    }

    bars(groups) {
        const { value } = this.measure;
        return groups.map(({ key, name, ...group }) => ({ key, name, value: value(group) }));
    }

    // ---------------------------------------------------- what is behind them

    within(domain) {
        return Domain.and([this.figures.data.domain, domain]).toList();
    }

    openDays(name, domain) {
        const views = ["list", "form"];
        return this.openWindow(name, "spp.attendance.day", views, this.within(domain));
    }

    /** One of our lists with these days instead of those it begins with. */
    async openList(xmlId, name, domain, context = {}) {
        const action = await this.action.loadAction(xmlId);
        return this.action.doAction({
            ...action,
            name: name || action.name,
            display_name: name || action.display_name,
            domain: this.within(domain),
            context,
        });
    }

    openIssues(name, domain) {
        return this.openList("spp_attendance.spp_attendance_day_issue_action", name, domain);
    }

    openEligible() {
        return this.openList("spp_attendance.spp_attendance_day_eligible_action", "", [
            "|",
            ["snacks", "=", 1],
            ["night_bills", "=", 1],
        ]);
    }

    openAnalysis(groupBy, measures) {
        return this.openWindow(
            _t("Days Analysis"),
            "spp.attendance.day.report",
            ["pivot", "graph", "list"],
            this.figures.data.domain,
            {
                pivot_row_groupby: groupBy,
                pivot_measures: measures,
                graph_groupbys: groupBy,
                graph_measure: measures[0],
            }
        );
    }

    openBucket(index, name) {
        const bucket = this.buckets[index];
        const domains = {
            left_early: [["early_exit_minutes", ">", 0]],
            overtime: [["overtime_minutes", ">", 0]],
            extra: [["extra_overtime_minutes", ">", 0]],
        };
        const [series] = this.series(name);
        return this.openDays(`${series.label}, ${this.labels[index]}`, [
            ["date", ">=", bucket.date_from],
            ["date", "<=", bucket.date_to],
            ...(domains[name] || [["status", "=", name]]),
        ]);
    }

    openDepartment(group) {
        return this.openDays(group.name, [
            ["department_id", "=", group.key],
            ...this.measure.domain,
        ]);
    }

    openPerson(group) {
        return this.openIssues(group.name, [
            ["subscriber_id", "=", group.key],
            ...this.measure.domain,
        ]);
    }

    openPeople() {
        return this.action.doAction("spp_attendance.spp_attendance_subscriber_action");
    }
}

registry.category("actions").add("spp_attendance.day_overview", DayOverview);
