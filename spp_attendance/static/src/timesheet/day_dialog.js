import { Dialog } from "@web/core/dialog/dialog";
import { deserializeDate, deserializeDateTime, formatDateTime } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";
import { useAutofocus, useService } from "@web/core/utils/hooks";
import { Component, onWillStart, useState } from "@odoo/owl";
import { formatMinutes } from "../day/hours";

const { DateTime } = luxon;

/** One day of one person: what it is and why, and what a manager decides of it. */
export class DayDialog extends Component {
    static template = "spp_attendance.DayDialog";
    static components = { Dialog };
    static props = {
        personId: Number,
        date: String,
        /** Keys of statuses and their names. */
        statuses: Array,
        /** Told the cells of the person's month. */
        onSaved: Function,
        close: Function,
    };

    setup() {
        this.action = useService("action");
        this.orm = useService("orm");
        this.formatMinutes = formatMinutes;
        this.day = null;
        this.state = useState({
            status: "",
            checkIn: "",
            checkOut: "",
            isForgiven: false,
            reason: "",
            error: "",
            isSaving: false,
        });
        useAutofocus({ refName: "first" });
        onWillStart(() => this.load());
    }

    async load() {
        const { personId, date } = this.props;
        this.day = await this.orm.call("spp.attendance.timesheet", "get_day", [personId, date]);
        const { decided, computed } = this.day;
        const given = (name) => (name in decided ? decided[name] : computed[name]);
        Object.assign(this.state, {
            status: decided.status || "",
            checkIn: this.short(given("check_in")),
            checkOut: this.short(given("check_out")),
            isForgiven: decided.is_forgiven || false,
        });
    }

    /** A time as a box for times takes it. */
    short(time) {
        return (time || "").slice(0, 5);
    }

    get title() {
        const date = deserializeDate(this.props.date);
        return `${this.day.person} · ${date.toLocaleString(DateTime.DATE_MED_WITH_WEEKDAY)}`;
    }

    get figures() {
        const { day } = this;
        return [
            [_t("Working hours"), day.working_minutes],
            [_t("Break"), day.break_minutes],
            [_t("Overtime"), day.overtime_minutes],
            [_t("Extra overtime"), day.extra_overtime_minutes],
            [_t("Late by"), day.late_minutes],
            [_t("Left early by"), day.early_exit_minutes],
        ].filter(([, minutes]) => minutes);
    }

    get notes() {
        const names = {
            missing_in: _t("Check-in missing"),
            missing_out: _t("Check-out missing"),
            needs_review: _t("Needs review"),
            is_locked: _t("Locked"),
            snacks_eligible: _t("Snacks"),
            night_bill_eligible: _t("Night bill"),
        };
        return this.day.flags.filter((name) => names[name]).map((name) => names[name]);
    }

    get isEdited() {
        return this.day.flags.includes("is_edited");
    }

    get editedAt() {
        return this.day.edited_at && formatDateTime(deserializeDateTime(this.day.edited_at));
    }

    get canForgive() {
        return this.day.computed.status === "late" || this.state.isForgiven;
    }

    get isAbsent() {
        return this.state.status === "absent";
    }

    /** What is decided: all that isn't as the records say. */
    get values() {
        const { state, day } = this;
        const values = {};
        if (state.status) {
            values.status = state.status;
        }
        if (!this.isAbsent) {
            for (const [name, value] of [
                ["check_in", state.checkIn],
                ["check_out", state.checkOut],
            ]) {
                if (value !== this.short(day.computed[name])) {
                    values[name] = value || null;
                }
            }
            if (state.isForgiven) {
                values.is_forgiven = true;
            }
        }
        return values;
    }

    save() {
        const { values } = this;
        if (!Object.keys(values).length && !this.isEdited) {
            this.state.error = _t("Nothing has changed yet. Choose a status or other times.");
            return undefined;
        }
        return this.send(values);
    }

    takeBack() {
        return this.send({});
    }

    async send(values) {
        if (!this.state.reason.trim()) {
            this.state.error = _t("Enter a reason. It is kept with the change.");
            return;
        }
        this.state.isSaving = true;
        this.state.error = "";
        try {
            const { personId, date } = this.props;
            const cells = await this.orm.call("spp.attendance.timesheet", "decide", [
                personId,
                date,
                values,
                this.state.reason,
            ]);
            this.props.onSaved(cells);
            this.props.close();
        } catch (error) {
            if (!error.exceptionName?.startsWith("odoo.exceptions.")) {
                throw error;
            }
            this.state.error = error.data?.message || error.message;
        } finally {
            this.state.isSaving = false;
        }
    }

    onKeydown(ev) {
        if (ev.key === "Enter" && ev.target.tagName !== "BUTTON" && this.day.can_decide) {
            ev.preventDefault();
            this.save();
        }
    }

    openDay() {
        this.props.close();
        return this.action.doAction({
            type: "ir.actions.act_window",
            res_model: "spp.attendance.day",
            res_id: this.day.id,
            views: [[false, "form"]],
        });
    }

    askForCorrection() {
        this.props.close();
        return this.action.doAction({
            type: "ir.actions.act_window",
            name: _t("Ask for a Correction"),
            res_model: "spp.attendance.correction",
            views: [[false, "form"]],
            context: {
                default_subscriber_id: this.props.personId,
                default_date: this.props.date,
            },
        });
    }
}
