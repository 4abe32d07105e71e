/** Times of day as they are typed: `8`, `830`, `8:30`, `8.30`, `8h30`. */

function parseTime(text) {
    const match = text.trim().match(/^(\d{1,2})(?:[:.h]?(\d{2}))?$/i);
    const [hours, minutes] = match ? [Number(match[1]), Number(match[2] || 0)] : [NaN, NaN];
    if (!(hours < 24 && minutes < 60)) {
        return undefined;
    }
    return `${String(hours).padStart(2, "0")}:${String(minutes).padStart(2, "0")}`;
}

/**
 * When somebody came and left: `8-17`; `8` is an entry alone, `-17` an exit.
 *
 * @param {string} text
 * @returns {{entry?: string, exit?: string}|undefined} undefined when these are no times
 */
export function parseTimes(text) {
    const parts = text.split(/[-–]/).map((part) => part.trim());
    const times = parts.map((part) => (part ? parseTime(part) : null));
    if (parts.length > 2 || times.includes(undefined) || !times.some(Boolean)) {
        return undefined;
    }
    const [entry, exit] = times;
    return { ...(entry ? { entry } : {}), ...(exit ? { exit } : {}) };
}

/** The same as it is shown. */
export function timesText(entry, exit) {
    return exit ? `${entry || ""}–${exit}` : entry || "";
}
