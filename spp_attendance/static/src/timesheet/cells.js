const NAMES = {
    is_edited: "isEdited",
    is_locked: "isLocked",
    needs_review: "needsReview",
    differs: "differs",
    missing_in: "missingIn",
    missing_out: "missingOut",
    snacks_eligible: "hasSnacks",
    night_bill_eligible: "hasNightBill",
    is_closed: "isClosed",
};
const PRESENT = ["on_time", "considered", "late"];

/** A day of a person, as the server tells it in a list of values. */
export class Cell {
    constructor(values, statuses, flags) {
        let status, leave, bits;
        [
            this.day,
            this.id,
            status,
            this.abbreviation,
            this.checkIn,
            this.checkOut,
            this.hours,
            this.overtime,
            this.extra,
            this.late,
            this.early,
            leave,
            bits,
        ] = values;
        this.status = status === null ? null : statuses[status];
        this.leave = leave / 100;
        flags.forEach((name, bit) => {
            this[NAMES[name]] = Boolean(bits & (1 << bit));
        });
    }
}

function empty() {
    return { present: 0, late: 0, absent: 0, leave: 0, hours: 0, overtime: 0, extra: 0 };
}

function add(sum, cell) {
    sum.present += PRESENT.includes(cell.status) ? 1 : 0;
    sum.late += cell.status === "late" ? 1 : 0;
    sum.absent += cell.status === "absent" ? 1 : 0;
    sum.leave += cell.leave;
    sum.hours += cell.hours;
    sum.overtime += cell.overtime;
    sum.extra += cell.extra;
}

/** What cells come to: days by status, and minutes. */
export function sumOf(cells) {
    const sum = empty();
    for (const cell of cells) {
        add(sum, cell);
    }
    return sum;
}

/** The same by day, of people. */
export function sumsByDay(people, count) {
    const sums = Array.from({ length: count }, empty);
    for (const { cells } of people) {
        cells.forEach((cell, index) => cell && add(sums[index], cell));
    }
    return sums;
}

/** A time of day of minutes after midnight: `06:10+1` of the day after. */
export function clock(minutes) {
    if (minutes === null) {
        return "?";
    }
    const days = Math.floor(minutes / 1440);
    const rest = minutes - days * 1440;
    const [hour, minute] = [Math.floor(rest / 60), rest % 60].map((part) =>
        String(part).padStart(2, "0")
    );
    return `${hour}:${minute}${days ? (days > 0 ? `+${days}` : days) : ""}`;
}
