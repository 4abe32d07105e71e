import { browser } from "@web/core/browser/browser";
import { deserializeDate, deserializeDateTime, serializeDate } from "@web/core/l10n/dates";
import { localization } from "@web/core/l10n/localization";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { KeepLast } from "@web/core/utils/concurrency";
import { useService } from "@web/core/utils/hooks";
import { useSetupAction } from "@web/search/action_hook";
import { Layout } from "@web/search/layout";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { Component, onWillDestroy, onWillStart, useEffect, useRef, useState } from "@odoo/owl";
import { formatMinutes } from "../day/hours";
import { useLiveFeed } from "../live_board/live_feed";

const { DateTime } = luxon;

const MINUTE = 60_000;
/** Milliseconds from what is told to reading it. */
const SOON = 1000;
/** Milliseconds after which one's hours are counted anew. */
const TICK = 15_000;
/** Minutes after which what counts, such as a break, is asked for again. */
const STALE = 10;

/** Days from the one that has the focus, by key. */
const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };

const PRESENT = ["on_time", "considered", "late"];

const SCANS = {
    in: _t("In"),
    out: _t("Out"),
    break_start: _t("Break start"),
    break_end: _t("Break end"),
    overtime_in: _t("Overtime in"),
    overtime_out: _t("Overtime out"),
};

/** One's own days: today with running hours, the week, a month, the balance of hours. */
export class MyAttendance extends Component {
    static template = "spp_attendance.MyAttendance";
    static components = { Layout };
    static props = { ...standardActionServiceProps };

    setup() {
        this.action = useService("action");
        this.orm = useService("orm");
        this.keepLast = new KeepLast();
        this.keepLastDay = new KeepLast();
        this.display = { controlPanel: {} };
        this.formatMinutes = formatMinutes;
        const { month = false, chosen = false } = this.props.state || {};
        this.state = useState({ month, chosen, records: null, tick: 0 });
        this.own = null;
        this.timers = {};
        this.detail = useRef("detail");
        this.calendar = useRef("calendar");
        useSetupAction({
            getLocalState: () => ({ month: this.state.month, chosen: this.state.chosen }),
        });
        useLiveFeed({
            onEvents: (events) => this.onEvents(events),
            onListening: () => this.readSoon(),
        });
        onWillStart(() => this.read());
        this.ticking = browser.setInterval(() => this.onTick(), TICK);
        onWillDestroy(() => {
            browser.clearInterval(this.ticking);
            Object.values(this.timers).forEach(browser.clearTimeout);
        });
        // On a phone what was chosen is below the month.
        useEffect(
            (chosen, wanted) => {
                if (chosen && wanted) {
                    this.detail.el?.scrollIntoView({ block: "nearest", behavior: "smooth" });
                }
            },
            () => [this.state.chosen, this.isChosenByHand]
        );
    }

    // ---------------------------------------------------------------- reading

    async read() {
        this.own = await this.keepLast.add(
            this.orm.call("spp.attendance.my.attendance", "get_overview", [], {
                month: this.state.month,
            })
        );
        if (this.own.person) {
            this.skew = deserializeDateTime(this.own.now) - Date.now();
            this.readAt = Date.now();
            if (!this.own.days[this.state.chosen]) {
                this.state.chosen = this.own.current;
            }
            await this.readRecords();
        }
        this.render();
    }

    async readRecords() {
        this.state.records = await this.keepLastDay.add(
            this.orm.call("spp.attendance.my.attendance", "get_records", [this.state.chosen])
        );
    }

    readSoon() {
        this.timers.read ||= browser.setTimeout(async () => {
            this.timers.read = null;
            try {
                await this.read();
            } catch {
                // Without a network what is shown stays; it is read once there is one.
            }
        }, SOON * (1 + Math.random()));
    }

    onEvents(events) {
        const isOwn = ({ type, employee_id }) =>
            ["attendance_updated", "record_updated"].includes(type) &&
            employee_id === this.own?.person?.identifier;
        if (events.some(isOwn)) {
            this.readSoon();
        }
    }

    onTick() {
        if (!this.own?.person || document.hidden) {
            return;
        }
        if (this.elapsed >= STALE) {
            this.readSoon();
        }
        this.state.tick++;
    }

    /** Minutes since the server was asked. */
    get elapsed() {
        return Math.floor((Date.now() - this.readAt) / MINUTE);
    }

    // --------------------------------------------------------------------- days

    day(date) {
        return this.own.days[date];
    }

    get today() {
        return deserializeDate(this.own.today);
    }

    /** The day that goes on: of who works at night it may be yesterday's. */
    get current() {
        return this.day(this.own.current);
    }

    get chosen() {
        return this.day(this.state.chosen);
    }

    /** Minutes that somebody worked on a day, up to now if it goes on. */
    minutes(day) {
        return (day.minutes || 0) + (day.is_inside ? this.elapsed : 0);
    }

    dateText(date, format = DateTime.DATE_HUGE) {
        return deserializeDate(date).toLocaleString(format);
    }

    statusText(day) {
        const text = this.own.statuses[day.status] || "";
        return day.leave ? `${text} (${day.leave})` : text;
    }

    plannedText(day) {
        if (day.day_type === "weekend") {
            return _t("Day off");
        }
        if (day.day_type === "holiday") {
            return _t("Holiday");
        }
        return day.from ? `${day.from}–${day.to}` : _t("No shift");
    }

    /** What today is, in one sentence. */
    get nowText() {
        const day = this.current;
        if (day.is_inside) {
            return _t("At work since %s", day.check_in);
        }
        if (day.check_out) {
            return _t("Checked out at %s", day.check_out);
        }
        if (day.status) {
            return this.statusText(day);
        }
        if (!day.is_planned) {
            return this.plannedText(day);
        }
        return _t("Not checked in yet");
    }

    get progress() {
        const expected = this.current.expected || 0;
        return expected ? Math.min(100, (100 * this.minutes(this.current)) / expected) : 0;
    }

    // --------------------------------------------------------------- the week

    /** The week that today is in, as the user's language begins one. */
    get week() {
        const first = this.startOfWeek(this.today);
        return [0, 1, 2, 3, 4, 5, 6].map((days) => this.cell(first.plus({ days })));
    }

    get weekTotals() {
        const today = this.own.today;
        let minutes = 0;
        for (const { day } of this.week) {
            if (day && day.date <= today) {
                minutes += this.minutes(day);
            }
        }
        return minutes;
    }

    startOfWeek(date) {
        return date.minus({ days: (date.weekday - localization.weekStart + 7) % 7 });
    }

    cell(date) {
        const key = serializeDate(date);
        const day = this.day(key);
        return {
            key,
            date,
            day,
            name: date.toFormat("ccc"),
            number: date.day,
            isToday: key === this.own.today,
            isOther: this.own.month.slice(0, 7) !== key.slice(0, 7),
            isAhead: key > this.own.today,
            isChosen: key === this.state.chosen,
            isToCheck: day && Boolean(day.needs_review || day.missing_in || day.missing_out),
            text: day && this.cellText(key, day),
            label: this.cellLabel(date, day),
        };
    }

    cellText(key, day) {
        if (PRESENT.includes(day.status) || day.minutes) {
            return formatMinutes(this.minutes(day));
        }
        if (!day.status && key >= this.own.today) {
            return day.is_planned ? day.from : day.day_type ? _t("day off") : "";
        }
        return "";
    }

    cellLabel(date, day) {
        const name = date.toLocaleString(DateTime.DATE_HUGE);
        const parts = [name];
        if (day?.status) {
            parts.push(this.statusText(day));
        }
        if (day?.check_in || day?.check_out) {
            parts.push(`${day.check_in || "–"} – ${day.check_out || "–"}`);
        }
        return parts.join(", ");
    }

    // --------------------------------------------------------------- the month

    get month() {
        return deserializeDate(this.own.month);
    }

    get monthText() {
        return this.month.toLocaleString({ month: "long", year: "numeric" });
    }

    get weekdays() {
        const first = this.startOfWeek(this.month);
        return [0, 1, 2, 3, 4, 5, 6].map((days) => first.plus({ days }).toFormat("ccc"));
    }

    /** Whole weeks, with the days of other months in them. */
    get weeks() {
        const weeks = [];
        const last = this.month.endOf("month");
        for (let day = this.startOfWeek(this.month); day <= last; ) {
            const week = [];
            for (let number = 0; number < 7; number++) {
                week.push(this.cell(day));
                day = day.plus({ days: 1 });
            }
            weeks.push(week);
        }
        return weeks;
    }

    async turn(months) {
        const month = this.month.plus({ months });
        this.state.month = month.toFormat("yyyy-MM");
        const isThisMonth = this.own.today.startsWith(this.state.month);
        this.isChosenByHand = false;
        this.state.chosen = isThisMonth ? this.own.current : serializeDate(month);
        await this.read();
    }

    async choose(date) {
        this.isChosenByHand = true;
        this.state.chosen = date;
        this.state.records = null;
        await this.readRecords();
    }

    onKeydown(ev, cell) {
        const step = STEPS[ev.key];
        if (!step) {
            return;
        }
        ev.preventDefault();
        const target = serializeDate(cell.date.plus({ days: step }));
        this.calendar.el.querySelector(`[data-date="${target}"]`)?.focus();
    }

    get counts() {
        return Object.entries(this.own.statuses)
            .filter(([status]) => this.own.balance.counts[status])
            .map(([status, title]) => ({
                status,
                title,
                count: this.own.balance.counts[status],
            }));
    }

    // ------------------------------------------------------------ the balance

    difference({ minutes, expected }) {
        const found = minutes - expected;
        return found > 0 ? `+${formatMinutes(found)}` : formatMinutes(found);
    }

    // ---------------------------------------------------------------- the day

    recordText(record) {
        if (record.category === "absent") {
            return _t("Absent");
        }
        return SCANS[record.scan_type] || _t("Present");
    }

    /** Figures of the chosen day, those that say something. */
    get figures() {
        const day = this.chosen;
        const found = [
            [_t("Check-in"), day.check_in],
            [_t("Check-out"), day.check_out],
            [_t("Hours present"), day.check_in && formatMinutes(this.minutes(day))],
            [_t("Break"), day.break && formatMinutes(day.break)],
            [_t("Expected hours"), day.expected && formatMinutes(day.expected)],
            [_t("Overtime"), day.overtime && formatMinutes(day.overtime)],
            [_t("Extra overtime"), day.extra_overtime && formatMinutes(day.extra_overtime)],
            [_t("Late by"), day.late && formatMinutes(day.late)],
            [_t("Left early by"), day.early && formatMinutes(day.early)],
        ];
        return found.filter(([, value]) => value).map(([title, value]) => ({ title, value }));
    }

    /** What is wrong with the chosen day, if anything is. */
    get problem() {
        const day = this.chosen;
        if (day.missing_out) {
            return _t("The check-out is missing.");
        }
        if (day.missing_in) {
            return _t("The check-in is missing.");
        }
        return day.needs_review ? _t("This day needs review.") : "";
    }

    get mayAsk() {
        return this.chosen.day_id || this.state.chosen <= this.own.today;
    }

    askForCorrection() {
        const day = this.chosen;
        let kind = "wrong_time";
        if (day.missing_in || day.missing_out || day.status === "absent") {
            kind = "missing_punch";
        } else if (day.status === "late") {
            kind = "forgive";
        }
        return this.action.doAction({
            type: "ir.actions.act_window",
            name: _t("Ask for a Correction"),
            res_model: "spp.attendance.correction",
            views: [[false, "form"]],
            context: {
                default_subscriber_id: this.own.person.id,
                default_date: this.state.chosen,
                default_kind: kind,
            },
        });
    }

    openCorrections() {
        return this.action.doAction({
            type: "ir.actions.act_window",
            name: _t("My Corrections"),
            res_model: "spp.attendance.correction",
            views: [
                [false, "list"],
                [false, "form"],
            ],
            domain: [["subscriber_id", "=", this.own.person.id]],
            context: { default_subscriber_id: this.own.person.id },
        });
    }
}

registry.category("actions").add("spp_attendance.my_attendance", MyAttendance);
