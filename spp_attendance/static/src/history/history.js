import { DateTimeInput } from "@web/core/datetime/datetime_input";
import { deserializeDate, serializeDate } from "@web/core/l10n/dates";
import { localization } from "@web/core/l10n/localization";
import { _t } from "@web/core/l10n/translation";
import { RecordSelector } from "@web/core/record_selectors/record_selector";
import { registry } from "@web/core/registry";
import { Domain } from "@web/core/domain";
import { KeepLast } from "@web/core/utils/concurrency";
import { useService } from "@web/core/utils/hooks";
import { formatInteger, formatPercentage } from "@web/views/fields/formatters";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";
import { Component, onWillStart, onWillUpdateProps, useEffect, useRef, useState } from "@odoo/owl";
import { changedPeriod } from "../period";

const { DateTime } = luxon;

/** A longer period is drawn for its last year. */
const MAX_DAYS = 366;

/** So many days back or forth in the heat-map. */
const STEPS = { ArrowUp: -1, ArrowDown: 1, ArrowLeft: -7, ArrowRight: 7 };

/**
 * A year of somebody's days, a column a week, from `[present, absent]` by ISO date.
 *
 * One day is in the tab order, the arrow keys go from it to the others.
 */
export class HeatMap extends Component {
    static template = "spp_attendance.HeatMap";
    static props = { dateFrom: String, dateTo: String, days: Object, onDayClick: Function };

    setup() {
        this.focused = useState({ date: false });
        this.scrolled = useRef("scrolled");
        // Where a year is too wide, what happened last is seen first.
        useEffect(
            (element) => {
                element.scrollLeft = element.scrollWidth;
            },
            () => [this.scrolled.el]
        );
    }

    /** How many days the week of a date is old on it. */
    dayOfWeek(date) {
        return (date.weekday - localization.weekStart + 7) % 7;
    }

    get cells() {
        const last = deserializeDate(this.props.dateTo);
        const earliest = last.minus({ days: MAX_DAYS - 1 });
        let date = deserializeDate(this.props.dateFrom);
        date = date < earliest ? earliest : date;
        const tabbed = this.focused.date || this.props.dateTo;
        const cells = [];
        let week = 1;
        for (; date <= last; date = date.plus({ days: 1 })) {
            const row = this.dayOfWeek(date);
            if (cells.length && !row) {
                week++;
            }
            const key = serializeDate(date);
            const [present, absent] = this.props.days[key] || [0, 0];
            cells.push({
                key,
                date,
                week,
                row: row + 2, // below the names of the months
                label: this.label(date, present, absent),
                class: this.cellClass(present, absent),
                tabindex: key === tabbed ? 0 : -1,
            });
        }
        return cells;
    }

    cellClass(present, absent) {
        if (present) {
            return `spp_present_${Math.min(present, 3)}`;
        }
        return absent ? "spp_absent" : "";
    }

    label(date, present, absent) {
        const day = date.toLocaleString(DateTime.DATE_HUGE);
        if (present > 1) {
            return _t("%(day)s: present %(times)s times", { day, times: present });
        }
        if (present) {
            return _t("%(day)s: present", { day });
        }
        return absent ? _t("%(day)s: absent", { day }) : day;
    }

    /** The name of each month, above the week in which it begins. */
    months(cells) {
        return cells
            .filter(({ date }, index) => !index || date.day === 1)
            .map(({ date, week }) => ({ week, name: date.toFormat("LLL") }))
            .filter(({ week }, index, months) => !(months[index + 1]?.week - week < 3));
    }

    onKeydown(ev, cell) {
        const step = STEPS[ev.key];
        if (!step) {
            return;
        }
        ev.preventDefault();
        const target = serializeDate(cell.date.plus({ days: step }));
        const button = ev.target.parentElement.querySelector(`[data-date="${target}"]`);
        if (button) {
            this.focused.date = target;
            button.focus();
        }
    }
}

/** What a person's form shows of his attendance. */
export class AttendanceHistory extends Component {
    static template = "spp_attendance.AttendanceHistory";
    static components = { DateTimeInput, HeatMap, RecordSelector };
    static props = { ...standardWidgetProps };

    setup() {
        this.action = useService("action");
        this.orm = useService("orm");
        this.keepLast = new KeepLast();
        this.formatInteger = formatInteger;
        const today = DateTime.local().startOf("day");
        this.state = useState({
            dateFrom: serializeDate(today.minus({ years: 1 }).plus({ days: 1 })),
            dateTo: serializeDate(today),
            typeId: false,
            locationId: false,
        });
        this.history = useState({ data: null });
        onWillStart(() => this.load(this.props.record.resId));
        onWillUpdateProps((nextProps) => {
            if (nextProps.record.resId !== this.props.record.resId) {
                return this.load(nextProps.record.resId);
            }
        });
    }

    async load(subscriberId) {
        if (!subscriberId) {
            this.history.data = null;
            return;
        }
        const { dateFrom, dateTo, typeId, locationId } = this.state;
        this.history.data = await this.keepLast.add(
            this.orm.call("spp.attendance.report", "get_history", [], {
                subscriber_id: subscriberId,
                date_from: dateFrom,
                date_to: dateTo,
                type_id: typeId,
                location_id: locationId,
            })
        );
    }

    change(values) {
        Object.assign(this.state, values);
        return this.load(this.props.record.resId);
    }

    date(name) {
        return deserializeDate(this.state[name]);
    }

    onDateChange(name, value) {
        if (!value) {
            return;
        }
        this.change(changedPeriod(this.state, name, value));
    }

    get rate() {
        const { rate } = this.history.data;
        return rate === null ? "–" : formatPercentage(rate, { digits: [false, 0] });
    }

    open(view, name, domain = []) {
        return this.action.doAction({
            type: "ir.actions.act_window",
            name,
            res_model: "spp.attendance.record",
            views: [view, "list", "calendar", "form"]
                .filter((type, index, types) => types.indexOf(type) === index)
                .map((type) => [false, type]),
            domain: Domain.and([this.history.data.domain, domain]).toList(),
            context: {
                default_subscriber_id: this.props.record.resId,
                initial_date: this.state.dateTo,
            },
        });
    }

    openList() {
        return this.open("list", _t("Attendance"));
    }

    openCalendar() {
        return this.open("calendar", _t("Attendance"));
    }

    openDay(cell) {
        return this.open("list", cell.date.toLocaleString(DateTime.DATE_FULL), [
            ["local_date", "=", cell.key],
        ]);
    }
}

registry.category("view_widgets").add("attendance_history", {
    component: AttendanceHistory,
    additionalClasses: ["d-block", "w-100"],
});
