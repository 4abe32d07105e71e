import { deserializeDate } from "@web/core/l10n/dates";
import { normalize } from "@web/core/l10n/utils/normalize";
import { _t } from "@web/core/l10n/translation";
import { RecordSelector } from "@web/core/record_selectors/record_selector";
import { registry } from "@web/core/registry";
import { KeepLast } from "@web/core/utils/concurrency";
import { useService } from "@web/core/utils/hooks";
import { user } from "@web/core/user";
import { useSetupAction } from "@web/search/action_hook";
import { Layout } from "@web/search/layout";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { onMounted, onWillStart, useRef, useState } from "@odoo/owl";
import { formatMinutes } from "../day/hours";
import { GridScreen } from "../grid/grid_screen";
import { DayDialog } from "./day_dialog";
import { Cell, clock, sumOf, sumsByDay } from "./cells";

const { DateTime } = luxon;

/** Pixels; rows are as high as this, or those outside of the view couldn't be left out. */
const ROW_HEIGHT = 34;
const NO_FILTERS = { department_id: false, location_id: false, shift_id: false, level: "" };

/** What a month comes to, of a person. */
const TOTALS = [
    { name: "present", head: _t("Pres."), title: _t("Days present, on time or late") },
    { name: "late", head: _t("Late"), title: _t("Days late") },
    { name: "absent", head: _t("Abs."), title: _t("Days absent") },
    { name: "leave", head: _t("Leave"), title: _t("Days of leave") },
    { name: "hours", head: _t("Hours"), title: _t("Working hours"), isTime: true },
    { name: "overtime", head: _t("OT"), title: _t("Overtime"), isTime: true },
    { name: "extra", head: _t("Extra"), title: _t("Extra overtime"), isTime: true },
];

/** What a day comes to, of all who are shown. */
const DAY_TOTALS = [
    { name: "present", label: _t("Present") },
    { name: "late", label: _t("Late") },
    { name: "absent", label: _t("Absent") },
    { name: "leave", label: _t("Leave") },
    { name: "hours", label: _t("Hours"), isTime: true },
    { name: "overtime", label: _t("Overtime"), isTime: true },
];

/** A month of people: a row a person, a column a day. */
export class Timesheet extends GridScreen {
    static template = "spp_attendance.Timesheet";
    static components = { Layout, RecordSelector };
    static props = { ...standardActionServiceProps };
    static path = "attendance-timesheet";
    static displayName = _t("Monthly Timesheet");

    setup() {
        this.action = useService("action");
        this.dialog = useService("dialog");
        this.notification = useService("notification");
        this.orm = useService("orm");
        this.ui = useState(useService("ui"));
        this.keepLast = new KeepLast();
        this.display = { controlPanel: {} };
        this.totals = TOTALS;
        const kept = this.props.state?.timesheet || {};
        this.filters = useState(kept.filters || { ...NO_FILTERS });
        this.state = useState({
            month: kept.month || false,
            text: kept.text || "",
            show: kept.show || "status",
            row: kept.row || 0,
            column: kept.column ?? -1,
            first: 0,
            height: 600,
            isLoading: false,
        });
        // Tens of thousands of cells: what they are is no state, a change is one.
        this.people = [];
        this.days = [];
        this.shown = [];
        this.sums = [];
        this.setupGrid();
        this.search = useRef("search");
        // Who comes back from a day finds what was shown before.
        useSetupAction({
            getLocalState: () => {
                const { month, text, show, row, column } = this.state;
                return {
                    timesheet: { month, text, show, row, column, filters: { ...this.filters } },
                };
            },
        });
        onWillStart(() => this.load());
        onMounted(() => {
            this.measure();
            this.isHidden = true;
            this.reveal();
            if (!this.ui.isSmall) {
                this.goOn();
            }
        });
    }

    // ---------------------------------------------------------------- loading

    async load() {
        this.state.isLoading = true;
        try {
            const data = await this.keepLast.add(
                this.orm.call("spp.attendance.timesheet", "get_month", [
                    this.state.month,
                    { ...this.filters },
                ])
            );
            this.adopt(data);
        } finally {
            this.state.isLoading = false;
        }
    }

    adopt(data) {
        this.data = data;
        this.labels = new Map(data.statuses);
        this.keys = data.statuses.map(([key]) => key);
        const first = deserializeDate(`${data.month}-01`);
        const isOther = data.month !== this.shownMonth;
        this.state.month = this.shownMonth = data.month;
        this.monthName = first.toFormat("LLLL yyyy");
        this.days = Array.from({ length: first.daysInMonth }, (_day, index) => {
            const day = first.plus({ days: index });
            return {
                date: day.toISODate(),
                number: day.day,
                name: day.toFormat("ccccc"),
                long: day.toLocaleString({ ...DateTime.DATE_MED_WITH_WEEKDAY, year: undefined }),
                isToday: day.toISODate() === data.today,
                isFuture: day.toISODate() > data.today,
            };
        });
        this.people = data.people.map(
            ([id, name, identifier, level, department, from, to, cells]) => ({
                id,
                name: name || identifier,
                identifier,
                level,
                department,
                from,
                to,
                title: [name, identifier, department].filter(Boolean).join(" · "),
                hay: normalize(`${name} ${identifier}`),
                ...this.read(cells),
            })
        );
        const { column } = this.state;
        const today = this.days.findIndex(({ isToday }) => isToday);
        if (column < 0 || (isOther && this.hasShown)) {
            this.state.column = Math.max(today, 0);
        }
        this.hasShown = true;
        this.state.column = Math.min(this.state.column, this.days.length - 1);
        this.findShown();
        this.moveTo(this.state.row, this.state.column);
    }

    /** Cells by day, and what they come to. */
    read(rows) {
        const cells = [];
        for (const row of rows) {
            const cell = new Cell(row, this.keys, this.data.flags);
            cells[cell.day - 1] = cell;
        }
        return { cells, sum: sumOf(cells.filter(Boolean)) };
    }

    /** Find whom the box leaves, and what their days come to. */
    findShown() {
        const text = normalize(this.state.text.trim());
        this.shown = this.people.filter(({ hay }) => !text || hay.includes(text));
        this.sums = sumsByDay(this.shown, this.days.length);
        const found = new Map();
        for (const { cells } of this.people) {
            for (const cell of cells) {
                if (cell?.abbreviation && !found.has(cell.abbreviation)) {
                    found.set(cell.abbreviation, cell.status);
                }
            }
        }
        const place = (status) => this.keys.indexOf(status);
        this.legend = [...found]
            .map(([abbreviation, status]) => ({
                abbreviation,
                status,
                label: this.labels.get(status),
            }))
            .sort((one, other) => place(one.status) - place(other.status));
    }

    // ---------------------------------------------------------------- filters

    showMonth(month) {
        if (month) {
            this.state.month = month;
            this.load();
        }
    }

    step(months) {
        const first = deserializeDate(`${this.state.month}-01`);
        this.showMonth(first.plus({ months }).toFormat("yyyy-MM"));
    }

    showThisMonth() {
        this.showMonth(this.data.today.slice(0, 7));
    }

    filter(values) {
        Object.assign(this.filters, values);
        this.toTop();
        return this.load();
    }

    get hasFilters() {
        return Boolean(this.state.text || Object.values(this.filters).some(Boolean));
    }

    clearFilters() {
        this.state.text = "";
        return this.filter({ ...NO_FILTERS });
    }

    find(text) {
        this.state.text = text;
        this.findShown();
        this.toTop();
    }

    // ------------------------------------------------------------------ cells

    get rowHeight() {
        return ROW_HEIGHT;
    }

    /** Whether somebody didn't work here on a day, or not yet. */
    isAway(person, day) {
        return (person.from && day.date < person.from) || (person.to && day.date > person.to);
    }

    /** The lines of a cell: what it is, and what is asked for beside it. */
    texts(cell) {
        const { show } = this.state;
        if (!cell) {
            return ["", ""];
        }
        const minutes = { hours: cell.hours, overtime: cell.overtime + cell.extra }[show];
        const rest = minutes ? formatMinutes(minutes) : "";
        return [cell.abbreviation || (cell.checkIn !== null ? "…" : ""), rest];
    }

    cellClass(person, day, cell, isChosen) {
        return [
            cell?.status ? `o_spp_status_${cell.status}` : "",
            day.isFuture || this.isAway(person, day) ? "o_spp_closed" : "",
            cell?.isEdited ? "o_spp_edited" : "",
            cell?.isLocked ? "o_spp_locked" : "",
            cell?.needsReview || cell?.missingIn || cell?.missingOut ? "o_spp_review" : "",
            isChosen ? "o_spp_active" : "",
        ].join(" ");
    }

    /** What a cell says in words, part by part. */
    parts(person, day, cell) {
        if (!cell) {
            if (this.isAway(person, day)) {
                return [_t("not working here on this day")];
            }
            if (day.isToday) {
                return [_t("no readings yet")];
            }
            return [day.isFuture ? _t("in the future") : _t("nothing recorded")];
        }
        const status = this.labels.get(cell.status) || _t("no status yet");
        const time = (minutes, text) => (minutes ? `${text} ${formatMinutes(minutes)}` : "");
        return [
            status,
            cell.checkIn === null && cell.checkOut === null
                ? ""
                : `${clock(cell.checkIn)} – ${clock(cell.checkOut)}`,
            time(cell.hours, _t("hours")),
            time(cell.overtime, _t("overtime")),
            time(cell.extra, _t("extra overtime")),
            time(cell.late, _t("late by")),
            time(cell.early, _t("left early by")),
            cell.missingIn ? _t("check-in missing") : "",
            cell.missingOut ? _t("check-out missing") : "",
            cell.needsReview ? _t("needs review") : "",
            cell.isEdited ? _t("edited") : "",
            cell.isLocked ? _t("locked") : "",
            cell.hasSnacks ? _t("snacks") : "",
            cell.hasNightBill ? _t("night bill") : "",
        ].filter(Boolean);
    }

    /** All that a rendering needs, worked out once. */
    draw() {
        const { row, column } = this.state;
        return this.rows(this.shown).map(({ person, index }) => ({
            person,
            index,
            cells: this.days.map((day, number) => {
                const cell = person.cells[number];
                const [text, more] = this.texts(cell);
                const parts = this.parts(person, day, cell);
                return {
                    key: `${person.id}/${number}`,
                    column: number,
                    text,
                    more,
                    class: this.cellClass(person, day, cell, index === row && number === column),
                    label: [person.name, day.long, ...parts].join(", "),
                    title: [`${person.name}, ${day.long}`, ...parts].join("\n"),
                };
            }),
        }));
    }

    total(sum, { name, isTime }) {
        const value = sum[name];
        if (isTime) {
            return value ? formatMinutes(value) : "";
        }
        return value ? String(value) : "";
    }

    /** The lines below the grid. */
    get dayTotals() {
        const lines = this.ui.isSmall ? DAY_TOTALS.slice(0, 1) : DAY_TOTALS;
        return lines.map(({ name, label, isTime }) => {
            const values = this.sums.map((sum) => (isTime ? Math.round(sum[name] / 60) : sum[name]));
            const all = this.sums.reduce((sum, each) => sum + each[name], 0);
            return {
                name,
                label,
                values: values.map((value) => value || ""),
                all: isTime ? formatMinutes(all) : String(all),
            };
        });
    }

    /** The chosen cell in words, below the grid. */
    get chosen() {
        const person = this.current;
        if (!person) {
            return null;
        }
        const cell = person.cells[this.state.column];
        return {
            person,
            cell,
            title: `${person.name} · ${this.day.long}`,
            text: this.parts(person, this.day, cell).join(" · "),
        };
    }

    // --------------------------------------------------------------- keyboard

    onKeydown(ev) {
        if (ev.altKey || ev.metaKey || ev.target !== this.scroll.el) {
            return;
        }
        const act = this.moveKey(ev) || (ev.ctrlKey ? undefined : this.otherKey(ev.key));
        if (act) {
            ev.preventDefault();
            ev.stopPropagation();
            act();
        }
    }

    otherKey(key) {
        const keys = {
            Enter: () => this.open(),
            F2: () => this.open(),
            Backspace: () => this.typeOn(this.state.text.slice(0, -1)),
        };
        if (this.state.text) {
            keys.Escape = () => this.find("");
        }
        if (key.length === 1 && key !== " ") {
            return () => this.typeOn(this.state.text + key);
        }
        return keys[key];
    }

    /** Who types finds somebody: what they type belongs into the box. */
    typeOn(text) {
        this.find(text);
        // Not only when it is drawn: the next key may come before that.
        this.search.el.value = text;
        this.search.el.focus();
    }

    onSearchKeydown(ev) {
        if (ev.key === "Enter" || ev.key === "ArrowDown") {
            ev.preventDefault();
            this.goOn();
        } else if (ev.key === "Escape") {
            ev.preventDefault();
            this.find("");
            this.goOn();
        }
    }

    onCellClick(row, column) {
        const isChosen = row === this.state.row && column === this.state.column;
        Object.assign(this.state, { row, column });
        this.goOn();
        if (isChosen || this.ui.isSmall) {
            this.open();
        }
    }

    // --------------------------------------------------------------- one cell

    open() {
        const person = this.current;
        const day = this.day;
        if (!person) {
            return;
        }
        if (day.isFuture && !person.cells[this.state.column]) {
            this.notification.add(_t("%s is in the future.", day.long), { type: "info" });
            return;
        }
        this.dialog.add(
            DayDialog,
            {
                personId: person.id,
                date: day.date,
                statuses: this.data.statuses,
                onSaved: (cells) => this.onSaved(person.id, cells),
            },
            { onClose: () => this.goOn() }
        );
    }

    onSaved(personId, rows) {
        const person = this.people.find(({ id }) => id === personId);
        if (person) {
            Object.assign(person, this.read(rows));
            this.findShown();
            this.render();
        }
    }

    openPerson(person) {
        return this.action.doAction({
            type: "ir.actions.act_window",
            res_model: "spp.attendance.subscriber",
            res_id: person.id,
            views: [[false, "form"]],
        });
    }

    // ------------------------------------------------------------------ files

    get given() {
        return { ...this.filters, search: this.state.text.trim() };
    }

    async print() {
        const action = await this.orm.call("spp.attendance.timesheet", "action_print", [
            this.state.month,
            this.given,
        ]);
        return this.action.doAction(action);
    }

    download() {
        const { department_id, location_id, shift_id, level, search } = this.given;
        const given = {
            month: this.state.month,
            department: department_id,
            location: location_id,
            shift: shift_id,
            level_of_work: level,
            search,
        };
        const query = new URLSearchParams(Object.entries(given).filter(([, value]) => value));
        for (const { id } of user.activeCompanies) {
            query.append("company", id);
        }
        return this.action.doAction({
            type: "ir.actions.act_url",
            url: `/api/attendance/timesheet.xlsx?${query}`,
            target: "download",
        });
    }
}

registry.category("actions").add("spp_attendance.timesheet", Timesheet);
