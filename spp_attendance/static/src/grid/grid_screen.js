import { Component, onPatched, useExternalListener, useRef } from "@odoo/owl";

/** Rows above and below the visible ones that are there already. */
const SPARE = 6;

/**
 * A screen with a grid of people and days, of which only the rows in sight are drawn,
 * and a chosen cell that keys move.
 *
 * Who extends it has `shown` (all rows), `days` (all columns), `rowHeight` (pixels, the
 * same for all rows) and a state with `row` and `column` (of the chosen cell), `first`
 * (the uppermost row in sight) and `height` (pixels that are in sight). Its template has
 * an element `t-ref="scroll"` with a head `.o_spp_sheet_head`, whose first child stands
 * above the names and the next ones above the days, and perhaps a foot
 * `.o_spp_sheet_foot` and, in each row, `.o_spp_sheet_totals`, which stay in sight.
 */
export class GridScreen extends Component {
    setupGrid() {
        this.scroll = useRef("scroll");
        useExternalListener(window, "resize", () => this.measure());
        onPatched(() => {
            this.measure();
            this.reveal();
        });
    }

    /** Whether there are cells to be chosen, and not, say, cards on a phone. */
    get hasCells() {
        return true;
    }

    /** The rows that are drawn: `{person, index}`. */
    rows(shown) {
        const count = Math.ceil(this.state.height / this.rowHeight) + 2 * SPARE;
        const first = Math.max(0, Math.min(this.state.first - SPARE, shown.length - 1));
        return shown
            .slice(first, first + count)
            .map((person, index) => ({ person, index: first + index }));
    }

    // ---------------------------------------------------------- the chosen cell

    get current() {
        return this.shown[this.state.row];
    }

    get day() {
        return this.days[this.state.column];
    }

    moveTo(row, column) {
        const rows = this.shown.length;
        this.state.row = Math.max(0, Math.min(row, rows - 1));
        this.state.column = Math.max(0, Math.min(column, this.days.length - 1));
        this.isHidden = true;
    }

    move(rows, columns = 0) {
        this.moveTo(this.state.row + rows, this.state.column + columns);
    }

    /** What a key that moves does, undefined of any other. */
    moveKey(ev) {
        const page = Math.max(1, Math.floor(this.state.height / this.rowHeight) - 2);
        return {
            ArrowUp: () => this.move(-1),
            ArrowDown: () => this.move(1),
            ArrowLeft: () => this.move(0, -1),
            ArrowRight: () => this.move(0, 1),
            PageUp: () => this.move(-page),
            PageDown: () => this.move(page),
            Home: () => this.moveTo(ev.ctrlKey ? 0 : this.state.row, 0),
            End: () => this.moveTo(ev.ctrlKey ? Infinity : this.state.row, Infinity),
        }[ev.key];
    }

    /** Scroll to the chosen cell; only rows that are in sight are there. */
    reveal() {
        const element = this.scroll.el;
        if (!element || !this.isHidden || !this.hasCells) {
            return;
        }
        this.isHidden = false;
        const head = element.querySelector(".o_spp_sheet_head");
        const foot = element.querySelector(".o_spp_sheet_foot");
        const top = this.state.row * this.rowHeight;
        const room = element.clientHeight - head.offsetHeight - (foot?.offsetHeight || 0);
        if (top < element.scrollTop) {
            element.scrollTop = top;
        } else if (top + this.rowHeight > element.scrollTop + room) {
            element.scrollTop = top + this.rowHeight - room;
        }
        const [name, ...columns] = head.children;
        const totals = head.querySelector(".o_spp_sheet_totals");
        const isSticky = totals && getComputedStyle(totals).position === "sticky";
        const column = columns[this.state.column];
        const left = column.offsetLeft - name.offsetWidth;
        const right = column.offsetLeft + column.offsetWidth;
        const width = element.clientWidth - (isSticky ? totals.offsetWidth : 0);
        if (left < element.scrollLeft) {
            element.scrollLeft = left;
        } else if (right > element.scrollLeft + width) {
            element.scrollLeft = right - width;
        }
    }

    // ------------------------------------------------------------------ frame

    measure() {
        const element = this.scroll.el;
        if (element && element.clientHeight !== this.state.height) {
            this.state.height = element.clientHeight;
        }
    }

    onScroll() {
        const first = Math.floor(this.scroll.el.scrollTop / this.rowHeight);
        // Drawn anew only when the spare rows are used up.
        if (Math.abs(first - this.state.first) >= SPARE / 2 || !first) {
            this.state.first = first;
        }
    }

    /** Begin at the top, with other rows. */
    toTop() {
        Object.assign(this.state, { row: 0, first: 0 });
        if (this.scroll.el) {
            this.scroll.el.scrollTop = 0;
        }
    }

    /** Have keys work on the grid again, after a button that is gone. */
    goOn() {
        this.scroll.el?.focus({ preventScroll: true });
    }
}
