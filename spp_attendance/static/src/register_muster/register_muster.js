import { deserializeDate, serializeDate } from "@web/core/l10n/dates";
import { localization } from "@web/core/l10n/localization";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { KeepLast } from "@web/core/utils/concurrency";
import { normalizedMatch } from "@web/core/l10n/utils/normalize";
import { useService } from "@web/core/utils/hooks";
import { Layout } from "@web/search/layout";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { onMounted, onWillStart, useState } from "@odoo/owl";
import { formatMinutes } from "../day/hours";
import { GridScreen } from "../grid/grid_screen";

const { DateTime } = luxon;

const ROW_HEIGHT = 36;
const SIGNS = ["0", "½", "1"];

/** Half days as they are written: 4, or 4½. */
function dayText(halves) {
    return halves % 2 ? `${Math.floor(halves / 2) || ""}½` : String(halves / 2);
}

/** For how many days each person of a register was there. */
export class RegisterMuster extends GridScreen {
    static template = "spp_attendance.RegisterMuster";
    static components = { Layout };
    static props = { ...standardActionServiceProps };
    static path = "register-muster";
    static displayName = _t("Muster");

    setup() {
        this.action = useService("action");
        this.orm = useService("orm");
        this.ui = useState(useService("ui"));
        this.keepLast = new KeepLast();
        const { action } = this.props;
        const { register_id, resId } = action.params || {};
        this.registerId = register_id || resId || action.context?.active_id;
        this.display = { controlPanel: {} };
        this.rowHeight = ROW_HEIGHT;
        this.state = useState({
            scale: "month",
            text: "",
            row: 0,
            column: 0,
            first: 0,
            height: 600,
            isLoading: false,
        });
        // Thousands of cells: what they are is no state, it is loaded as one.
        this.muster = null;
        this.setupGrid();
        onWillStart(async () => {
            await this.load();
            this.props.updateActionState?.({ resId: this.registerId });
            this.env.config.setDisplayName(this.muster.register.name);
        });
        onMounted(() => {
            this.measure();
            if (!this.ui.isSmall) {
                this.goOn();
            }
        });
    }

    async load(from = false, to = false) {
        this.state.isLoading = true;
        try {
            const muster = await this.keepLast.add(
                this.orm.call("spp.attendance.register", "get_muster", [
                    [this.registerId],
                    from,
                    to,
                ])
            );
            this.adopt(muster);
        } finally {
            this.state.isLoading = false;
        }
    }

    adopt(muster) {
        this.muster = muster;
        this.people = muster.people.map(([id, name, identifier, tag, spans, halves]) => ({
            id,
            name: name || identifier,
            identifier,
            tag,
            spans,
            halves,
        }));
        this.cells = new Map(
            muster.cells.map(([person, date, ...cell]) => [`${person}/${date}`, cell])
        );
        this.days = [];
        const last = deserializeDate(muster.date_to);
        for (let day = deserializeDate(muster.date_from); day <= last; day = day.plus({ days: 1 })) {
            const date = serializeDate(day);
            this.days.push({
                date,
                name: day.toFormat("ccc"),
                number: day.day,
                long: day.toLocaleString({ ...DateTime.DATE_MED_WITH_WEEKDAY, year: undefined }),
                isToday: date === muster.today,
                isClosed:
                    date > muster.today ||
                    date < muster.register.first_day ||
                    (muster.register.last_day && date > muster.register.last_day),
            });
        }
        this.moveTo(this.state.row, Math.min(this.state.column, this.days.length - 1));
    }

    // ----------------------------------------------------------------- period

    get periodName() {
        const first = deserializeDate(this.muster.date_from);
        const last = deserializeDate(this.muster.date_to);
        return this.state.scale === "month"
            ? first.toFormat("LLLL yyyy")
            : `${first.toLocaleString(DateTime.DATE_MED)} – ${last.toLocaleString(DateTime.DATE_MED)}`;
    }

    async show(day, scale = this.state.scale) {
        let first = day.startOf("month");
        let last = day.endOf("month");
        if (scale === "week") {
            first = day.minus({ days: (day.weekday - localization.weekStart + 7) % 7 });
            last = first.plus({ days: 6 });
        }
        await this.load(serializeDate(first), serializeDate(last));
        this.state.scale = scale;
    }

    step(direction) {
        const first = deserializeDate(this.muster.date_from);
        return this.show(first.plus({ [`${this.state.scale}s`]: direction }));
    }

    showToday() {
        return this.show(deserializeDate(this.muster.today));
    }

    setScale(scale) {
        return this.show(deserializeDate(this.day?.date || this.muster.date_from), scale);
    }

    // ------------------------------------------------------------------- rows

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

    cell(person, day, column, row) {
        const key = `${person.id}/${day.date}`;
        const [halves = null, entry, exit, minutes, mark] = this.cells.get(key) || [];
        const isEnrolled = person.spans.some(
            ([first, last]) => first <= day.date && day.date <= last
        );
        const isMarked = halves !== null;
        const times = entry || exit ? `${entry || "?"}–${exit || "?"}` : "";
        const words = { present: _t("marked present"), absent: _t("marked absent") };
        const why = isMarked
            ? [
                  times,
                  minutes && formatMinutes(minutes),
                  times && !entry && _t("no entry"),
                  times && !exit && _t("no exit"),
                  !times && words[mark],
              ]
            : [isEnrolled ? _t("not marked") : _t("not enrolled")];
        return {
            key,
            column,
            times,
            sign: isMarked ? SIGNS[halves] : "",
            label: [person.name, day.long, isMarked && SIGNS[halves], ...why]
                .filter(Boolean)
                .join(", "),
            class: [
                isMarked ? `o_spp_muster_${halves}` : "",
                isEnrolled ? "" : "o_spp_closed",
                row === this.state.row && column === this.state.column ? "o_spp_active" : "",
            ].join(" "),
        };
    }

    draw() {
        const shown = this.shown;
        const days = this.ui.isSmall ? [] : this.days;
        let total = 0;
        const ofDays = this.days.map(() => 0);
        for (const person of shown) {
            total += person.halves;
            this.days.forEach((day, column) => {
                ofDays[column] += this.cells.get(`${person.id}/${day.date}`)?.[0] || 0;
            });
        }
        return {
            shown,
            total: dayText(total),
            totals: ofDays.map(dayText),
            rows: this.rows(shown).map(({ person, index }) => ({
                person,
                index,
                total: dayText(person.halves),
                cells: days.map((day, column) => this.cell(person, day, column, index)),
            })),
        };
    }

    onKeydown(ev) {
        const move = this.moveKey(ev);
        if (move) {
            ev.preventDefault();
            move();
        }
    }

    // ---------------------------------------------------------------- buttons

    async print() {
        const action = await this.orm.call("spp.attendance.register", "action_print_muster", [
            [this.registerId],
            this.muster.date_from,
            this.muster.date_to,
        ]);
        return this.action.doAction(action);
    }

    async openSheet() {
        const action = await this.orm.call("spp.attendance.register", "action_open_sheet", [
            [this.registerId],
        ]);
        return this.action.doAction(action);
    }
}

registry.category("actions").add("spp_attendance.register_muster", RegisterMuster);
