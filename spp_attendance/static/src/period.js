import { serializeDate } from "@web/core/l10n/dates";

/**
 * The first and last day of a period, of which one was chosen anew. A period ends after
 * it begins: the other end follows.
 *
 * @param {{dateFrom: string, dateTo: string}} period as it was
 * @param {"dateFrom"|"dateTo"} name of the end that was chosen
 * @param {luxon.DateTime} value the day that was chosen
 * @returns {{dateFrom: string, dateTo: string}}
 */
export function changedPeriod({ dateFrom, dateTo }, name, value) {
    const day = serializeDate(value);
    const period = { dateFrom, dateTo, [name]: day };
    return period.dateFrom > period.dateTo ? { dateFrom: day, dateTo: day } : period;
}
