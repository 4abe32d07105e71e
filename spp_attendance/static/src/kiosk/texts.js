/** The words of the page, in the language that was chosen, and times. */

import { recall, remember } from "./memory.js";

const KEY = "spp-attendance-kiosk-language";

export class Texts {
    /** @param {object} config of the page */
    constructor({ languages, tz }) {
        this.languages = languages;
        this.tz = isKnown(tz) ? tz : undefined;
        const kept = recall(KEY);
        this.language = languages.find(({ code }) => code === kept) || languages[0];
    }

    choose(code) {
        this.language = this.languages.find((language) => language.code === code);
        remember(KEY, code);
    }

    /** The text of a key; `{name}` in it stands for a value. */
    get(key, values = {}) {
        const text = this.language.texts[key] || key;
        return text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
    }

    /** Fill in all elements that say which text they hold. */
    fill(root) {
        for (const element of root.querySelectorAll("[data-text]")) {
            element.textContent = this.get(element.dataset.text);
        }
        for (const element of root.querySelectorAll("[data-label]")) {
            element.setAttribute("aria-label", this.get(element.dataset.label));
        }
    }

    /** The local time at the kiosk, as 08:30. */
    time(milliseconds) {
        return this.format(milliseconds, { hour: "2-digit", minute: "2-digit" });
    }

    /** The local day at the kiosk, in words. */
    day(milliseconds) {
        return this.format(milliseconds, {
            weekday: "long",
            day: "numeric",
            month: "long",
        });
    }

    /** The local day at the kiosk, to be compared. */
    dayKey(milliseconds) {
        const options = { timeZone: this.tz, dateStyle: "short" };
        return new Intl.DateTimeFormat("sv", options).format(milliseconds);
    }

    format(milliseconds, options) {
        // Figures as on the keys of the tablet, and as the server writes them.
        const locale = `${this.language.code}-u-nu-latn-ca-gregory`;
        return new Intl.DateTimeFormat(locale, {
            ...options,
            timeZone: this.tz,
            hourCycle: "h23",
        }).format(milliseconds);
    }
}

/** Whether this browser knows a time zone; an old one has the tablet's own instead. */
function isKnown(timeZone) {
    try {
        return Boolean(new Intl.DateTimeFormat("en", { timeZone }));
    } catch {
        return false;
    }
}

/** An element of the page, which must be there. */
export function byId(id) {
    return document.getElementById(id);
}

/**
 * Make an element.
 *
 * @param {string} tag
 * @param {object} properties of it
 * @param {...(Node|string)} children
 */
export function make(tag, properties = {}, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
}

/** A random uuid, also where there is no HTTPS and so no `crypto.randomUUID`. */
export function newUuid() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
}
