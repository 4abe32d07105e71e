/**
 * Minutes as hours and minutes: `8:15` of 495, `-0:30` of -30.
 *
 * @param {number} minutes
 * @returns {string}
 */
export function formatMinutes(minutes) {
    const whole = Math.abs(Math.round(minutes));
    const rest = String(whole % 60).padStart(2, "0");
    return `${minutes < 0 && whole ? "-" : ""}${Math.floor(whole / 60)}:${rest}`;
}
