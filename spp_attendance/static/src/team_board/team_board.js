import { browser } from "@web/core/browser/browser";
import { DateTimeInput } from "@web/core/datetime/datetime_input";
import { deserializeDate, deserializeDateTime, serializeDate } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";
import { normalizedMatch } from "@web/core/l10n/utils/normalize";
import { RecordSelector } from "@web/core/record_selectors/record_selector";
import { registry } from "@web/core/registry";
import { KeepLast } from "@web/core/utils/concurrency";
import { useService } from "@web/core/utils/hooks";
import { useVirtualGrid } from "@web/core/virtual_grid_hook";
import { useSetupAction } from "@web/search/action_hook";
import { Layout } from "@web/search/layout";
import { formatInteger } from "@web/views/fields/formatters";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { Component, onWillDestroy, onWillRender, onWillStart, useRef, useState } from "@odoo/owl";
import { formatMinutes } from "../day/hours";
import { useLiveFeed } from "../live_board/live_feed";

const { DateTime } = luxon;

/** Pixels; all rows are as high as this, or those out of sight couldn't be left out. */
const ROW_HEIGHT = { wide: 48, small: 76 };
/** Milliseconds from what is told to reading it, for much is told at once. */
const SOON = 1000;
/** Milliseconds from one reading of the board to the next. */
const PAUSE = 5000;
/** Of more people than this that have changed, all are read. */
const MOST_CHANGED = 300;
/** Milliseconds after which who is due, and the hours of who is there, are looked at. */
const TICK = 20_000;
/** Milliseconds. A clock that runs fast must not ask for the new day again and again. */
const SHORTEST_DAY = 60_000;
const MINUTE = 60_000;
/** How long a row that has changed is marked. */
const FRESH = 4000;

/** How somebody's day stands, in the order in which it calls for attention. */
const STATES = {
    missing: _t("Missing now"),
    absent: _t("Absent"),
    inside: _t("At work"),
    gone: _t("Checked out"),
    present: _t("Present"),
    later: _t("Not due yet"),
    away: _t("On leave"),
    off: _t("Day off"),
    waiting: _t("No status yet"),
    unplanned: _t("No shift yet"),
};
const ORDER = Object.keys(STATES);

/** What can be chosen beside the states. */
const MORE = {
    late: _t("Late"),
    review: _t("Needs review"),
};

/** Those that are always there, though nobody is. */
const ALWAYS = { today: ["missing", "inside", "gone", "late"], other: ["present", "absent", "late"] };

const PRESENT = ["on_time", "considered", "late"];

const COLUMNS = [
    { name: "name", title: _t("Person") },
    { name: "state", title: _t("Now"), past: _t("Day") },
    { name: "status", title: _t("Status") },
    { name: "in", title: _t("In") },
    { name: "out", title: _t("Out") },
    { name: "hours", title: _t("Hours") },
    { name: "late", title: _t("Late by") },
];

/**
 * Everybody of a day: who is there, who was, who is missing.
 *
 * The server is asked once; of whom the live feed tells then, it is asked again.
 */
export class TeamBoard extends Component {
    static template = "spp_attendance.TeamBoard";
    static components = { DateTimeInput, Layout, RecordSelector };
    static props = { ...standardActionServiceProps };

    setup() {
        this.action = useService("action");
        this.orm = useService("orm");
        this.ui = useState(useService("ui"));
        this.keepLast = new KeepLast();
        this.display = { controlPanel: {} };
        this.formatInteger = formatInteger;
        const { day = false } = this.props.action.params || {};
        this.filter = useState({
            /** The day that is shown; false for today, whichever that is. */
            day,
            departmentId: false,
            locationId: false,
            shiftId: 0,
            text: "",
            only: false,
            sort: "state",
            isDescending: false,
            ...this.props.state?.filter,
        });
        this.state = useState({ tick: 0, isFilterOpen: false });
        // Thousands of rows: they are no state, a change is rendered as one.
        this.board = null;
        this.people = new Map();
        this.fresh = new Map();
        this.changed = new Set();
        this.isAllChanged = false;
        this.readAt = 0;
        this.timers = {};
        this.scroll = useRef("scroll");
        this.grid = useVirtualGrid({ scrollableRef: this.scroll, bufferCoef: 0.5 });
        useSetupAction({ getLocalState: () => ({ filter: { ...this.filter } }) });
        this.feed = useLiveFeed({
            onEvents: (events) => this.onEvents(events),
            onListening: () => this.readSoon(),
        });
        onWillStart(() => this.read());
        onWillRender(() => this.prepare());
        this.ticking = browser.setInterval(() => this.state.tick++, TICK);
        onWillDestroy(() => {
            browser.clearInterval(this.ticking);
            Object.values(this.timers).forEach(browser.clearTimeout);
        });
    }

    // ---------------------------------------------------------------- reading

    async read() {
        const { day, departmentId, locationId } = this.filter;
        this.readAt = Date.now();
        const board = await this.keepLast.add(
            this.orm.call("spp.attendance.team.board", "get_board", [], {
                day,
                department_id: departmentId,
                location_id: locationId,
            })
        );
        this.changed.clear();
        this.isAllChanged = false;
        this.board = board;
        this.people = new Map(board.people.map((person) => [person.identifier, person]));
        this.noteNow(board.now);
        browser.clearTimeout(this.timers.day);
        if (!day) {
            const left = deserializeDateTime(board.ends_at) - DateTime.now();
            this.timers.day = browser.setTimeout(
                () => this.readSoon(),
                Math.max(left, SHORTEST_DAY)
            );
        }
        this.render();
    }

    /** The server's clock is the one that counts. */
    noteNow(now) {
        this.skew = deserializeDateTime(now) - Date.now();
        this.readMinute = this.minute;
    }

    /** Minutes since 1970, by the server's clock. */
    get minute() {
        return Math.floor((Date.now() + this.skew) / MINUTE);
    }

    /** Read all again, but not for each of many changes. */
    readSoon() {
        this.isAllChanged = true;
        this.catchUpSoon(Math.max(SOON, this.readAt + PAUSE - Date.now()));
    }

    catchUpSoon(wait) {
        // A little later or sooner than other boards.
        this.timers.changes ||= browser.setTimeout(
            async () => {
                this.timers.changes = null;
                try {
                    await this.catchUp();
                } catch {
                    // Without a network what is shown stays; it is read once there is one.
                }
            },
            wait * (1 + Math.random() / 2)
        );
    }

    async catchUp() {
        if (this.isAllChanged || this.changed.size > MOST_CHANGED) {
            return this.read();
        }
        const identifiers = [...this.changed];
        this.changed.clear();
        const { board } = this;
        const rows = await this.orm.call("spp.attendance.team.board", "get_people", [], {
            day: board.day,
            identifiers,
            department_id: this.filter.departmentId,
            location_id: this.filter.locationId,
        });
        if (board !== this.board) {
            return; // it was read anew meanwhile
        }
        for (const row of rows) {
            // Hours of those who are there are counted from when the board was read.
            if (row.is_inside) {
                row.minutes -= this.minute - this.readMinute;
            }
            const before = this.people.get(row.identifier);
            if (JSON.stringify(before) !== JSON.stringify(row)) {
                this.fresh.set(row.identifier, Date.now() + FRESH);
            }
            this.people.set(row.identifier, row);
        }
        browser.setTimeout(() => this.state.tick++, FRESH);
        this.render();
    }

    onEvents(events) {
        for (const { type, data, employee_id } of events) {
            if (type === "attendance_updated" && data.date === this.board?.day) {
                this.changed.add(employee_id);
            } else if (type === "record_updated" && data.voided && employee_id) {
                // A day that isn't one any more is not told of.
                this.changed.add(employee_id);
            } else if (
                type === "error_occurred" &&
                ["too_many", "missed"].includes(data.code)
            ) {
                this.isAllChanged = true;
            }
        }
        if (this.isAllChanged) {
            this.readSoon();
        } else if (this.changed.size) {
            this.catchUpSoon(SOON);
        }
    }

    // ----------------------------------------------------------------- choice

    changeFilter(values) {
        Object.assign(this.filter, values);
        return this.read();
    }

    get date() {
        return deserializeDate(this.board.day);
    }

    goTo(date) {
        const day = serializeDate(date);
        return this.changeFilter({ day: day === this.board.today ? false : day });
    }

    toggleOnly(name) {
        this.filter.only = this.filter.only === name ? false : name;
        this.scrollUp();
    }

    sortBy(name) {
        const { sort, isDescending } = this.filter;
        this.filter.isDescending = sort === name && !isDescending;
        this.filter.sort = name;
        this.scrollUp();
    }

    scrollUp() {
        if (this.scroll.el) {
            this.scroll.el.scrollTop = 0;
        }
    }

    clear() {
        return this.changeFilter({
            departmentId: false,
            locationId: false,
            shiftId: 0,
            text: "",
            only: false,
        });
    }

    get isFiltered() {
        const { departmentId, locationId, shiftId, text, only } = this.filter;
        return Boolean(departmentId || locationId || shiftId || text || only);
    }

    /** On a phone filters are there when they are asked for, or in force. */
    get areFiltersShown() {
        const { departmentId, locationId, shiftId } = this.filter;
        return !this.ui.isSmall || this.state.isFilterOpen || departmentId || locationId || shiftId;
    }

    get shifts() {
        return Object.entries(this.board.shifts)
            .map(([id, name]) => ({ id: Number(id), name }))
            .sort((a, b) => a.name.localeCompare(b.name));
    }

    // ------------------------------------------------------------------- rows

    /** How somebody's day stands at this moment. */
    stateOf(person) {
        const { status } = person;
        if (PRESENT.includes(status)) {
            if (typeof person.is_inside !== "boolean") {
                return "present";
            }
            return person.is_inside ? "inside" : "gone";
        }
        if (status === "absent") {
            return "absent";
        }
        if (status === "leave") {
            return "away";
        }
        if (status || (person.day_type && person.day_type !== "working")) {
            return "off";
        }
        if (!person.shift_id) {
            return "unplanned";
        }
        if (this.minute <= person.late_after) {
            return "later";
        }
        return this.board.is_today ? "missing" : "waiting";
    }

    isToCheck(person) {
        return Boolean(person.needs_review || person.missing_in || person.missing_out);
    }

    /** All that is rendered, made once. */
    prepare() {
        if (!this.board) {
            return;
        }
        const { shiftId, text, only } = this.filter;
        const now = Date.now();
        const counts = { all: 0, late: 0, review: 0 };
        const rows = [];
        for (const person of this.people.values()) {
            if (shiftId && person.shift_id !== shiftId) {
                continue;
            }
            if (text && !this.isFound(person, text)) {
                continue;
            }
            const row = { ...person, state: this.stateOf(person) };
            row.isLate = row.status === "late";
            row.isToCheck = this.isToCheck(person);
            row.isFresh = this.fresh.get(person.identifier) > now;
            row.hours = this.hoursOf(row);
            counts.all++;
            counts[row.state] = (counts[row.state] || 0) + 1;
            counts.late += row.isLate;
            counts.review += row.isToCheck;
            if (this.isChosen(row, only)) {
                rows.push(row);
            }
        }
        this.rows = this.sorted(rows);
        this.counts = counts;
        this.rowHeight = this.ui.isSmall ? ROW_HEIGHT.small : ROW_HEIGHT.wide;
        this.grid.setRowsHeights(this.rows.map(() => this.rowHeight));
    }

    isFound(person, text) {
        const department = this.board.departments[person.department_id];
        return [person.name, person.identifier, person.designation, department].some(
            (part) => part && normalizedMatch(part, text).match
        );
    }

    isChosen(row, only) {
        switch (only) {
            case false:
                return true;
            case "late":
                return row.isLate;
            case "review":
                return row.isToCheck;
        }
        return row.state === only;
    }

    hoursOf(row) {
        if (!row.check_in) {
            return null;
        }
        return row.is_inside ? row.minutes + this.minute - this.readMinute : row.minutes;
    }

    sorted(rows) {
        const { sort, isDescending } = this.filter;
        const keys = {
            name: () => 0,
            // Who is missing for the longest time first.
            state: (row) => ORDER.indexOf(row.state) * 1e9 + (row.starts || 0),
            status: (row) => row.status || "~",
            in: (row) => row.check_in || "~",
            out: (row) => row.check_out || "~",
            hours: (row) => -(row.hours ?? -1),
            late: (row) => -(row.late || 0),
        };
        const key = keys[sort] || keys.state;
        const sign = isDescending ? -1 : 1;
        const decorated = rows.map((row) => [key(row), row]);
        decorated.sort(([keyA, a], [keyB, b]) => {
            const order = keyA < keyB ? -1 : keyA > keyB ? 1 : a.name.localeCompare(b.name);
            return sign * order;
        });
        return decorated.map(([, row]) => row);
    }

    get visible() {
        const [first = 0, last = -1] = this.grid.rowsIndexes || [];
        return this.rows
            .slice(first, last + 1)
            .map((row, index) => ({
                ...row,
                top: (first + index) * this.rowHeight,
                number: first + index + 2, // the titles are the first one
            }));
    }

    get columns() {
        return COLUMNS.map((column) => ({
            ...column,
            title: (!this.board.is_today && column.past) || column.title,
            sorted:
                this.filter.sort === column.name &&
                (this.filter.isDescending ? "descending" : "ascending"),
        }));
    }

    get chips() {
        const always = ALWAYS[this.board.is_today ? "today" : "other"];
        const chips = [{ name: false, title: _t("Everybody"), count: this.counts.all }];
        for (const [name, title] of Object.entries({ ...STATES, ...MORE })) {
            const count = this.counts[name] || 0;
            if (count || always.includes(name) || this.filter.only === name) {
                chips.push({ name, title, count });
            }
        }
        return chips;
    }

    stateText(row) {
        if (row.state === "missing") {
            return _t("Missing for %s", formatMinutes(this.minute - row.starts));
        }
        if (row.state === "later") {
            return _t("Due at %s", row.from);
        }
        return STATES[row.state];
    }

    statusText(row) {
        const text = this.board.statuses[row.status];
        return row.leave ? `${text} (${row.leave})` : text;
    }

    duration(minutes) {
        return minutes === null ? "–" : formatMinutes(minutes);
    }

    /** When somebody came and went, and for how long that was, in a few characters. */
    timesText(row) {
        if (!row.check_in && !row.check_out) {
            return "";
        }
        const times = `${row.check_in || "–"} – ${row.check_out || "…"}`;
        return row.hours === null ? times : `${times} · ${formatMinutes(row.hours)}`;
    }

    detailsText(row) {
        return [row.identifier, row.designation, this.board.departments[row.department_id]]
            .filter(Boolean)
            .join(" · ");
    }

    shiftText(row) {
        const name = this.board.shifts[row.shift_id];
        return name ? `${name}, ${row.from}–${row.to}` : "";
    }

    problemText(row) {
        if (row.missing_in) {
            return _t("The check-in is missing.");
        }
        if (row.missing_out) {
            return _t("The check-out is missing.");
        }
        return _t("This day needs review.");
    }

    get title() {
        return this.date.toLocaleString(DateTime.DATE_HUGE);
    }

    get moreText() {
        return _t(
            "%s more people are not shown: choose a department or a location.",
            formatInteger(this.board.more)
        );
    }

    /** @param {Object} row of a person: the day, or the person if there is no day yet */
    open(row) {
        return this.action.doAction({
            type: "ir.actions.act_window",
            res_model: row.day_id ? "spp.attendance.day" : "spp.attendance.subscriber",
            res_id: row.day_id || row.id,
            views: [[false, "form"]],
        });
    }
}

registry.category("actions").add("spp_attendance.team_board", TeamBoard);
