/**
 * What a tablet may forget: the language, the contrast, how wrong its clock is.
 *
 * Where a browser keeps nothing, or its disk is full, the page works nevertheless.
 */

/** What was kept under a key, or null. */
export function recall(key) {
    try {
        return localStorage.getItem(key);
    } catch {
        return null;
    }
}

export function remember(key, value) {
    try {
        localStorage.setItem(key, value);
    } catch {
        // It holds for as long as the page is open, then.
    }
}
