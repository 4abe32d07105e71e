import { hasTouch } from "@web/core/browser/feature_detection";
import { _t } from "@web/core/l10n/translation";
import { x2ManyCommands } from "@web/core/orm_service";
import { registry } from "@web/core/registry";
import { Mutex } from "@web/core/utils/concurrency";
import { useService } from "@web/core/utils/hooks";
import { normalizedMatch } from "@web/core/l10n/utils/normalize";
import { standardFieldProps } from "@web/views/fields/standard_field_props";
import { Component, onMounted, useRef, useState } from "@odoo/owl";

/** What a key does to the person whose row has the focus. */
const KEYS = { p: "present", a: "absent", Delete: false, Backspace: false };

/**
 * Who is expected at an event and who came, marked by click, key or badge.
 *
 * Nothing is sent before the form is saved: fifty marks are one save.
 */
export class MarksField extends Component {
    static template = "spp_attendance.MarksField";
    static props = { ...standardFieldProps };

    setup() {
        this.orm = useService("orm");
        this.notification = useService("notification");
        this.state = useState({ text: "", only: "all", last: "" });
        this.scan = useRef("scan");
        this.rows = useRef("rows");
        // A reader is faster than the server: what it types is taken one by one.
        this.scans = new Mutex();
        onMounted(() => {
            // On a phone it would open the keyboard over the list.
            if (this.props.record.resId && this.list.count && !hasTouch()) {
                this.scan.el?.focus();
            }
        });
    }

    get list() {
        return this.props.record.data[this.props.name];
    }

    /** Everybody on the list, as what the template shows. */
    get people() {
        return this.list.records.map((line) => ({
            line,
            key: line.id,
            name: line.data.subscriber_id?.display_name || "",
            identifier: line.data.person_identifier || "",
            mark: line.data.mark,
            isExpected: line.data.is_expected,
        }));
    }

    /** Those whom the box and the filter leave. */
    get shown() {
        const text = this.state.text.trim();
        return this.people.filter(
            (person) =>
                (this.state.only === "all" ||
                    (this.state.only === "unmarked" ? !person.mark : person.mark === this.state.only)) &&
                (!text || normalizedMatch(person.name, text).match)
        );
    }

    get filters() {
        const people = this.people;
        const count = (mark) => people.filter((person) => (person.mark || false) === mark).length;
        return [
            { key: "all", label: _t("Everybody"), count: people.length },
            { key: "present", label: _t("Present"), count: count("present") },
            { key: "absent", label: _t("Absent"), count: count("absent") },
            { key: "unmarked", label: _t("Not marked"), count: count(false) },
        ];
    }

    /** Expected people without a mark. */
    get rest() {
        return this.people.filter((person) => person.isExpected && !person.mark);
    }

    async setMarks(people, mark) {
        await this.list.applyCommands(
            people.map(({ line }) => [
                x2ManyCommands.UPDATE,
                line.resId || line._virtualId,
                { mark },
            ])
        );
    }

    /** One click on what is marked already takes the mark away. */
    toggle(person, mark) {
        return this.setMarks([person], person.mark === mark ? false : mark);
    }

    async markRestAbsent() {
        const rest = this.rest;
        await this.setMarks(rest, "absent");
        this.state.last = _t("%s people are marked absent.", rest.length);
    }

    async remove(person) {
        await this.list.delete(person.line);
    }

    onScanKeydown(ev) {
        if (ev.key === "Enter") {
            // Neither saves the form nor waits for the server: the next badge may come.
            ev.preventDefault();
            ev.stopPropagation();
            const text = ev.target.value.trim();
            this.clearScan();
            if (text) {
                this.scans.exec(() => this.markPresent(text));
            }
        } else if (ev.key === "ArrowDown") {
            ev.preventDefault();
            this.focusRow(0);
        } else if (ev.key === "Escape" && this.state.text) {
            ev.stopPropagation();
            this.clearScan();
        }
    }

    /** At once, not with the next rendering: a reader is typing already. */
    clearScan() {
        this.scan.el.value = "";
        this.state.text = "";
    }

    onRowKeydown(ev, person, index) {
        if (ev.ctrlKey || ev.altKey || ev.metaKey) {
            return;
        }
        const key = ev.key.length === 1 ? ev.key.toLowerCase() : ev.key;
        if (key in KEYS) {
            ev.preventDefault();
            this.setMarks([person], KEYS[key]);
            this.focusRow(KEYS[key] ? index + 1 : index);
        } else if (key === "ArrowDown" || key === "ArrowUp") {
            ev.preventDefault();
            this.focusRow(index + (key === "ArrowDown" ? 1 : -1));
        }
    }

    focusRow(index) {
        const rows = this.rows.el?.querySelectorAll("[data-row]") || [];
        if (index < 0) {
            this.scan.el.focus();
        } else {
            rows[Math.min(index, rows.length - 1)]?.focus();
        }
    }

    /**
     * Mark whom a badge or a typed text means, adding who was not expected.
     *
     * @param {string} text an identifier, or so much of a name that one person is left
     */
    async markPresent(text) {
        const wanted = text.toLowerCase();
        const people = this.people;
        let person = people.find(({ identifier }) => identifier.toLowerCase() === wanted);
        if (!person) {
            // A former identifier, or somebody who was not expected.
            const found = await this.orm.call("spp.attendance.event", "find_person", [
                this.props.record.resId ? [this.props.record.resId] : [],
                text,
            ]);
            if (found.id) {
                person = this.people.find(({ line }) => line.data.subscriber_id?.id === found.id);
                if (!person) {
                    return this.addPerson(found);
                }
            }
        }
        if (!person) {
            const matching = people.filter(({ name }) => normalizedMatch(name, text).match);
            if (matching.length !== 1) {
                this.state.last = "";
                this.notification.add(
                    matching.length
                        ? _t("“%s” may be several people. Type the identifier.", text)
                        : _t("Nobody here has the identifier “%s”.", text),
                    { type: "danger" }
                );
                return;
            }
            [person] = matching;
        }
        await this.setMarks([person], "present");
        this.state.last = _t("%s is present.", person.name);
    }

    async addPerson({ id, display_name, person_identifier }) {
        await this.list.applyCommands([
            [
                x2ManyCommands.CREATE,
                false,
                {
                    subscriber_id: { id, display_name },
                    person_identifier,
                    is_expected: false,
                    mark: "present",
                },
            ],
        ]);
        this.state.last = _t("%s is present, though not expected.", display_name);
    }
}

registry.category("fields").add("spp_attendance_marks", {
    component: MarksField,
    displayName: _t("Attendance Marks"),
    supportedTypes: ["one2many"],
    relatedFields: [
        { name: "subscriber_id", type: "many2one", relation: "spp.attendance.subscriber", readonly: false },
        { name: "person_identifier", type: "char", readonly: true },
        { name: "is_expected", type: "boolean", readonly: false },
        {
            name: "mark",
            type: "selection",
            readonly: false,
            selection: [
                ["present", _t("Present")],
                ["absent", _t("Absent")],
            ],
        },
    ],
});
