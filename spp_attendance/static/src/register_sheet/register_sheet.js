import { browser } from "@web/core/browser/browser";
import { ConfirmationDialog } from "@web/core/confirmation_dialog/confirmation_dialog";
import { deserializeDate, serializeDate } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useBus, useService } from "@web/core/utils/hooks";
import { Layout } from "@web/search/layout";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { useRef } from "@odoo/owl";
import { RegisterGrid } from "../register_grid/register_grid";
import { parseTimes, timesText } from "./times";

const { DateTime } = luxon;

/** Pixels; rows are as high as this, or those outside of the view couldn't be left out. */
const HEIGHTS = { day: 34, entry_exit: 44, card_day: 96, card_entry_exit: 140 };
const NOTHING = { mark: null, entry: null, exit: null };
const EMPTY = [null, null, null, ""];

/** The sheet of a register: people and days, marked by keys, by clicks or on a phone. */
export class RegisterSheet extends RegisterGrid {
    static template = "spp_attendance.RegisterSheet";
    static components = { Layout };
    static props = { ...standardActionServiceProps };
    static path = "register-sheet";
    static displayName = _t("Attendance Sheet");

    setup() {
        this.source = "get_sheet";
        this.dialog = useService("dialog");
        this.marks = useService("spp_attendance.sheet_marks");
        this.notification = useService("notification");
        this.setupRegister({
            scale: "week",
            tag: "",
            /** What is typed into the cell: `{text, isWrong}`. */
            editing: null,
        });
        this.editor = useRef("editor");
        useBus(this.marks, "change", () => this.render());
        useBus(this.marks, "answer", ({ detail }) => this.onAnswer(detail));
    }

    // ---------------------------------------------------------------- loading

    get sheet() {
        return this.told;
    }

    adopt(sheet) {
        const shownDay = this.day?.date;
        super.adopt(sheet);
        this.tags = [...new Set(this.people.map(({ tag }) => tag))].filter(Boolean).sort();
        const wanted = [shownDay, this.wantedDay, sheet.today].map((date) =>
            this.days.findIndex((day) => day.date === date)
        );
        const column = wanted.find((index) => index >= 0) ?? 0;
        Object.assign(this.state, { column, editing: null });
        this.wantedDay = null;
        this.moveTo(Math.min(this.state.row, Math.max(this.shown.length - 1, 0)), column);
    }

    reload() {
        this.marks.send();
        return this.load(this.sheet.date_from, this.sheet.date_to);
    }

    onAnswer({ mark, cell }) {
        if (mark.register === this.registerId) {
            this.cells.set(`${mark.person}/${mark.date}`, cell);
        }
    }

    // ----------------------------------------------------------------- period

    show(day, scale) {
        this.wantedDay = serializeDate(day);
        return super.show(day, scale);
    }

    /** On a phone, where one day is shown. */
    stepDay(direction) {
        const column = this.state.column + direction;
        if (this.days[column]) {
            this.state.column = column;
            return undefined;
        }
        return this.show(deserializeDate(this.day.date).plus({ days: direction }), "week");
    }

    // ------------------------------------------------------------------ cells

    get mode() {
        return this.sheet.register.mode;
    }

    get canMark() {
        return this.sheet.can_mark;
    }

    /** The people whom the box and the tag leave. */
    get shown() {
        const { tag } = this.state;
        return super.shown.filter((person) => !tag || person.tag === tag);
    }

    get rowHeight() {
        return HEIGHTS[this.ui.isSmall ? `card_${this.mode}` : this.mode];
    }

    isOpen(person, day) {
        return !day.isClosed && this.isEnrolled(person, day);
    }

    /** What a cell shows: what waits to be sent before what the server told. */
    cell(person, day, latest) {
        const key = `${person.id}/${day.date}`;
        const told = this.cells.get(key) || EMPTY;
        const mark = latest.get(key);
        const isMine = mark && !mark.reason;
        const [value, entry, exit] = isMine ? [mark.mark, mark.entry, mark.exit] : told;
        const state = mark ? this.marks.stateOf(mark) : "";
        const isOpen = this.isOpen(person, day);
        return {
            key,
            mark: value,
            entry,
            exit,
            state,
            isOpen,
            reason: mark?.reason || "",
            text: this.text(value, entry, exit),
        };
    }

    text(mark, entry, exit) {
        if (entry || exit) {
            return timesText(entry, exit);
        }
        return { present: "✓", absent: "✗" }[mark] || "";
    }

    present(count, all) {
        return _t("%(count)s of %(all)s present", { count, all });
    }

    label(person, day, cell) {
        const states = {
            saving: _t("saving"),
            kept: _t("kept here until there is a connection"),
            refused: cell.reason,
        };
        const marks = { present: _t("present"), absent: _t("absent") };
        const value = cell.entry || cell.exit ? cell.text : marks[cell.mark];
        const nothing = cell.isOpen ? _t("not marked") : _t("not enrolled, or not open");
        return [person.name, day.long, value || nothing, states[cell.state]]
            .filter(Boolean)
            .join(", ");
    }

    cellClass(row, column, cell) {
        const isActive = row === this.state.row && column === this.state.column;
        return [
            cell.mark && !cell.entry && !cell.exit ? `o_spp_${cell.mark}` : "",
            cell.entry || cell.exit ? "o_spp_present" : "",
            cell.isOpen ? "" : "o_spp_closed",
            cell.state ? `o_spp_${cell.state}` : "",
            isActive ? "o_spp_active" : "",
        ].join(" ");
    }

    /** How many of the people shown were there, by day. */
    counts(shown, latest) {
        return this.days.map((day) => {
            let count = 0;
            for (const { id } of shown) {
                const key = `${id}/${day.date}`;
                const mark = latest.get(key);
                const [value, entry, exit] =
                    mark && !mark.reason
                        ? [mark.mark, mark.entry, mark.exit]
                        : this.cells.get(key) || EMPTY;
                count += value === "present" || entry || exit ? 1 : 0;
            }
            return count;
        });
    }

    /** All that a rendering needs, worked out once. */
    draw() {
        const shown = this.shown;
        const latest = this.marks.latest(this.registerId);
        const days = this.ui.isSmall ? [] : this.days;
        return {
            shown,
            latest,
            counts: this.counts(shown, latest),
            rows: this.rows(shown).map(({ person, index }) => ({
                person,
                index,
                cells: days.map((day, column) => {
                    const cell = this.cell(person, day, latest);
                    return {
                        ...cell,
                        column,
                        class: this.cellClass(index, column, cell),
                        label: this.label(person, day, cell),
                    };
                }),
                card: this.ui.isSmall && this.cell(person, this.day, latest),
            })),
        };
    }

    // ---------------------------------------------------------------- marking

    /**
     * Mark somebody's day.
     *
     * @param {object} person
     * @param {object} day
     * @param {function(object): object|null} change from the cell as it is to what of it
     *     shall be otherwise, or null
     */
    set(person, day, change) {
        this.setAll([person], day, change);
    }

    setAll(people, day, change) {
        if (!this.canMark) {
            return; // why stands above the sheet
        }
        const latest = this.marks.latest(this.registerId);
        const changes = [];
        for (const person of people) {
            const now = this.cell(person, day, latest);
            const values = (now.isOpen || this.hasValue(now)) && change(now);
            if (!values) {
                continue;
            }
            const { mark, entry, exit } = { ...now, ...values };
            changes.push({
                person: person.id,
                name: person.name,
                date: day.date,
                cell: this.cells.get(now.key) || EMPTY,
                wanted: { mark, entry, exit },
            });
        }
        if (changes.length) {
            this.marks.add(this.registerId, changes);
        }
    }

    hasValue({ mark, entry, exit }) {
        return Boolean(mark || entry || exit);
    }

    get usual() {
        const { entry, exit } = this.sheet.register;
        return { entry, exit };
    }

    /** What a mark makes of a cell; in entry_exit mode who is present has times. */
    marked(mark) {
        return mark === "present" && this.mode === "entry_exit"
            ? { ...NOTHING, ...this.usual }
            : { ...NOTHING, mark };
    }

    /** Nothing, then the one, then the other, then nothing again. */
    next(cell) {
        if (this.mode === "day") {
            const next = { present: "absent", absent: null }[cell.mark];
            return this.marked(next === undefined ? "present" : next);
        }
        if (!this.hasValue(cell)) {
            return { entry: this.usual.entry };
        }
        return cell.entry && !cell.exit ? { exit: this.usual.exit } : NOTHING;
    }

    toggle(person, mark) {
        const isSo = (cell) =>
            mark === "present" && this.mode === "entry_exit"
                ? cell.entry && cell.exit
                : cell.mark === mark;
        this.set(person, this.day, (cell) => (isSo(cell) ? NOTHING : this.marked(mark)));
    }

    onCardTime(person, name, value) {
        this.set(person, this.day, () => ({ mark: null, [name]: value || null }));
    }

    /** Mark all people shown who have no mark on the chosen day. */
    markRest(mark) {
        const latest = this.marks.latest(this.registerId);
        const rest = this.shown.filter((person) => {
            const cell = this.cell(person, this.day, latest);
            return cell.isOpen && !this.hasValue(cell);
        });
        if (!rest.length) {
            this.notification.add(_t("Everybody has a mark on %s.", this.day.long), {
                type: "info",
            });
            return;
        }
        const parts = { count: rest.length, day: this.day.long };
        this.dialog.add(ConfirmationDialog, {
            title: mark === "present" ? _t("Mark the Rest Present") : _t("Mark the Rest Absent"),
            body:
                mark === "present"
                    ? _t("%(count)s people without a mark on %(day)s are marked present.", parts)
                    : _t("%(count)s people without a mark on %(day)s are marked absent.", parts),
            confirmLabel: _t("Mark Them"),
            confirm: () => this.setAll(rest, this.day, () => this.marked(mark)),
            cancel: () => {},
        });
    }

    // --------------------------------------------------------------- keyboard

    onKeydown(ev) {
        if (ev.altKey || ev.metaKey || !this.current) {
            return;
        }
        if (this.state.editing) {
            this.onEarlyKey(ev);
            return;
        }
        const key = ev.key.length === 1 ? ev.key.toLowerCase() : ev.key;
        const act = this.moveKey(ev) || (ev.ctrlKey ? undefined : this.markKey(key));
        if (act) {
            ev.preventDefault();
            ev.stopPropagation();
            act();
        }
    }

    /** What a key does to the chosen cell. */
    markKey(key) {
        const change = (values) => this.set(this.current, this.day, values);
        const andDown = (values) => () => {
            change(values);
            this.move(1);
        };
        const isTimed = this.mode === "entry_exit";
        const keys = {
            " ": () => change((cell) => this.next(cell)),
            Enter: isTimed ? () => this.edit() : () => change((cell) => this.next(cell)),
            p: andDown(() => this.marked("present")),
            a: andDown(() => this.marked("absent")),
            Delete: () => change(() => NOTHING),
            Backspace: () => change(() => NOTHING),
        };
        if (isTimed) {
            keys.e = () => change(() => ({ mark: null, entry: this.usual.entry }));
            keys.x = () => change(() => ({ mark: null, exit: this.usual.exit }));
            keys.F2 = () => this.edit();
            if (/^[\d-]$/.test(key)) {
                return () => this.edit(key);
            }
        }
        return keys[key];
    }

    onCellClick(row, column) {
        const isChosen = row === this.state.row && column === this.state.column;
        if (this.state.editing && isChosen) {
            return;
        }
        this.finishEditing();
        Object.assign(this.state, { row, column });
        this.goOn();
        if (this.mode === "entry_exit") {
            this.edit();
        } else {
            this.set(this.current, this.day, (cell) => this.next(cell));
        }
    }

    // ------------------------------------------------------------ typed times

    edit(text) {
        const cell = this.cell(this.current, this.day, this.marks.latest(this.registerId));
        if (!this.canMark || !(cell.isOpen || this.hasValue(cell))) {
            return;
        }
        this.state.editing = {
            text: text ?? (cell.entry || cell.exit ? timesText(cell.entry, cell.exit) : ""),
            isWhole: text === undefined,
            isWrong: false,
            isNew: true,
        };
    }

    /** Take what is typed. @returns {boolean} whether it was a time */
    finishEditing() {
        const { editing } = this.state;
        if (!editing) {
            return true;
        }
        const text = editing.text.trim();
        const times = text ? parseTimes(text) : editing.isWhole ? NOTHING : {};
        if (!times) {
            editing.isWrong = true;
            return false;
        }
        this.state.editing = null;
        // What was shown whole is taken whole.
        const rest = editing.isWhole ? NOTHING : { mark: null };
        if (text || editing.isWhole) {
            this.set(this.current, this.day, () => ({ ...rest, ...times }));
        }
        return true;
    }

    onEditKeydown(ev) {
        const steps = { Enter: [1, 0], Tab: [0, ev.shiftKey ? -1 : 1] };
        ev.stopPropagation();
        if (ev.key === "Escape") {
            this.state.editing = null;
            this.goOn();
        } else if (ev.key in steps) {
            ev.preventDefault();
            if (this.finishEditing()) {
                this.goOn();
                this.move(...steps[ev.key]);
            }
        }
    }

    /** Who types faster than the box comes: what they type belongs into it. */
    onEarlyKey(ev) {
        if (ev.key.length === 1 && !ev.ctrlKey) {
            ev.preventDefault();
            this.state.editing.text += ev.key;
        } else {
            this.onEditKeydown(ev);
        }
    }

    onEditBlur() {
        if (!this.finishEditing()) {
            this.state.editing = null;
            this.notification.add(_t("That was no time: type 8-17 or 8:30-17:15."), {
                type: "warning",
            });
        }
    }

    // ------------------------------------------------------------------ frame

    measure() {
        super.measure();
        const { editing } = this.state;
        if (editing?.isNew && this.editor.el) {
            editing.isNew = false;
            this.editor.el.focus();
            const end = editing.text.length;
            this.editor.el.setSelectionRange(editing.isWhole ? 0 : end, end);
        }
    }

    onFilter(values) {
        Object.assign(this.state, values);
        this.toTop();
    }

    get status() {
        const count = this.marks.waiting.length;
        if (!count) {
            return { kind: "saved", text: _t("All marks are saved.") };
        }
        if (!this.marks.isFailing) {
            return { kind: "saving", text: _t("Saving %s…", count) };
        }
        if (!this.marks.isKept) {
            return {
                kind: "kept",
                text: _t("%s not sent yet. Keep this page open: this browser keeps nothing.", count),
            };
        }
        return {
            kind: "kept",
            text: this.marks.isExpired
                ? _t("%s kept here: log in again to send them.", count)
                : _t("%s kept here: sent as soon as there is a connection.", count),
        };
    }

    get refused() {
        return this.marks.refused(this.registerId);
    }

    refusedDay({ date }) {
        return deserializeDate(date).toLocaleString(DateTime.DATE_MED);
    }

    openForm() {
        return this.action.doAction({
            type: "ir.actions.act_window",
            res_model: "spp.attendance.register",
            res_id: this.registerId,
            views: [[false, "form"]],
        });
    }

    /** Become staff of the register, and go on here. */
    async join() {
        await this.orm.call("spp.attendance.register", "action_join", [[this.registerId]]);
        await this.reload();
        this.goOn();
    }

    sendNow() {
        this.marks.send();
        this.goOn();
    }

    /** Marks wait in this browser until the page comes back. */
    logIn() {
        browser.location.reload();
    }

    dismiss(marks) {
        this.marks.dismiss(marks);
        this.goOn();
    }

    async print() {
        const action = await this.orm.call("spp.attendance.register", "action_print_sheet", [
            [this.registerId],
            this.sheet.date_from,
            this.sheet.date_to,
            this.shown.length === this.people.length ? false : this.shown.map(({ id }) => id),
        ]);
        return this.action.doAction(action);
    }
}

registry.category("actions").add("spp_attendance.register_sheet", RegisterSheet);
