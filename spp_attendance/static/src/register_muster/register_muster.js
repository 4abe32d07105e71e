import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { Layout } from "@web/search/layout";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { formatMinutes } from "../day/hours";
import { RegisterGrid } from "../register_grid/register_grid";

const ROW_HEIGHT = 36;
const SIGNS = ["0", "½", "1"];

/** Half days as they are written: 4, or 4½. */
function dayText(halves) {
    return halves % 2 ? `${Math.floor(halves / 2) || ""}½` : String(halves / 2);
}

/** For how many days each person of a register was there. */
export class RegisterMuster extends RegisterGrid {
    static template = "spp_attendance.RegisterMuster";
    static components = { Layout };
    static props = { ...standardActionServiceProps };
    static path = "register-muster";
    static displayName = _t("Muster");

    setup() {
        this.source = "get_muster";
        this.rowHeight = ROW_HEIGHT;
        this.setupRegister({ scale: "month" });
    }

    get muster() {
        return this.told;
    }

    adopt(muster) {
        super.adopt(muster);
        for (const person of this.people) {
            [person.halves] = person.rest;
        }
        this.moveTo(this.state.row, this.state.column);
    }

    cell(person, day, column, row) {
        const key = `${person.id}/${day.date}`;
        const [halves = null, entry, exit, minutes, mark] = this.cells.get(key) || [];
        const isEnrolled = this.isEnrolled(person, day);
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
