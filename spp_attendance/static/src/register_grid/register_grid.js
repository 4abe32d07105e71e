import { deserializeDate, serializeDate } from "@web/core/l10n/dates";
import { localization } from "@web/core/l10n/localization";
import { normalizedMatch } from "@web/core/l10n/utils/normalize";
import { KeepLast } from "@web/core/utils/concurrency";
import { useService } from "@web/core/utils/hooks";
import { onMounted, onWillStart, useState } from "@odoo/owl";
import { GridScreen } from "../grid/grid_screen";

const { DateTime } = luxon;

/**
 * A grid of the people of a register and the days of a week or a month.
 *
 * Who extends it has `source`, the method of the register that tells what there is. Its
 * template calls `spp_attendance.RegisterGrid.Period`.
 */
export class RegisterGrid extends GridScreen {
    /** @param {object} state what is chosen in the beginning, `scale` at least */
    setupRegister(state) {
        this.action = useService("action");
        this.orm = useService("orm");
        this.ui = useState(useService("ui"));
        this.keepLast = new KeepLast();
        const { action } = this.props;
        const { register_id, resId } = action.params || {};
        this.registerId = register_id || resId || action.context?.active_id;
        this.display = { controlPanel: {} };
        this.state = useState({
            text: "",
            row: 0,
            column: 0,
            first: 0,
            height: 600,
            isLoading: false,
            ...state,
        });
        // Thousands of cells: what they are is no state, a change is rendered as one.
        /** What the server told of the register and the period. */
        this.told = null;
        this.people = [];
        this.days = [];
        this.cells = new Map();
        this.setupGrid();
        onWillStart(async () => {
            await this.load();
            this.props.updateActionState?.({ resId: this.registerId });
            this.env.config.setDisplayName(this.told.register.name);
        });
        onMounted(() => {
            this.measure();
            if (!this.ui.isSmall) {
                this.goOn();
            }
        });
    }

    // ---------------------------------------------------------------- loading

    /** Without a period, the one of today. */
    async load(from = false, to = false) {
        this.state.isLoading = true;
        try {
            const told = await this.keepLast.add(
                this.orm.call("spp.attendance.register", this.source, [
                    [this.registerId],
                    from,
                    to,
                ])
            );
            this.adopt(told);
            this.render();
        } finally {
            this.state.isLoading = false;
        }
    }

    adopt(told) {
        this.told = told;
        this.people = told.people.map(([id, name, identifier, tag, spans, ...rest]) => ({
            id,
            name: name || identifier,
            identifier,
            tag,
            spans,
            rest,
        }));
        this.cells = new Map(
            told.cells.map(([person, date, ...cell]) => [`${person}/${date}`, cell])
        );
        this.days = [];
        const { first_day, last_day } = told.register;
        const last = deserializeDate(told.date_to);
        for (let day = deserializeDate(told.date_from); day <= last; day = day.plus({ days: 1 })) {
            const date = serializeDate(day);
            this.days.push({
                date,
                name: day.toFormat("ccc"),
                number: day.day,
                long: day.toLocaleString({ ...DateTime.DATE_MED_WITH_WEEKDAY, year: undefined }),
                isToday: date === told.today,
                isClosed:
                    date > told.today || date < first_day || (last_day && date > last_day),
            });
        }
    }

    // ----------------------------------------------------------------- period

    get periodName() {
        const first = deserializeDate(this.told.date_from);
        const last = deserializeDate(this.told.date_to);
        return this.state.scale === "month"
            ? first.toFormat("LLLL yyyy")
            : `${first.toLocaleString(DateTime.DATE_MED)} – ${last.toLocaleString(DateTime.DATE_MED)}`;
    }

    /** The week or the month of a day. */
    show(day, scale = this.state.scale) {
        this.state.scale = scale;
        let first = day.startOf("month");
        let last = day.endOf("month");
        if (scale === "week") {
            first = day.minus({ days: (day.weekday - localization.weekStart + 7) % 7 });
            last = first.plus({ days: 6 });
        }
        return this.load(serializeDate(first), serializeDate(last));
    }

    step(direction) {
        const first = deserializeDate(this.told.date_from);
        return this.show(first.plus({ [`${this.state.scale}s`]: direction }));
    }

    setScale(scale) {
        return this.show(deserializeDate(this.day.date), scale);
    }

    showToday() {
        return this.show(deserializeDate(this.told.today));
    }

    // ------------------------------------------------------------------- rows

    /** The people whom the box leaves. */
    get shown() {
        const text = this.state.text.trim();
        return this.people.filter(
            (person) =>
                !text ||
                normalizedMatch(person.name, text).match ||
                person.identifier.toLowerCase().includes(text.toLowerCase())
        );
    }

    get hasCells() {
        return !this.ui.isSmall;
    }

    isEnrolled(person, day) {
        return person.spans.some(([first, last]) => first <= day.date && day.date <= last);
    }
}
