/**
 * The server's time, as far as this tablet knows it.
 *
 * The tablet's own clock may be wrong. How wrong is measured with each answer, and kept
 * with each mark beside what the tablet's clock showed.
 */

import { recall, remember } from "./memory.js";

const KEY = "spp-attendance-kiosk-clock";
/** Milliseconds by which a clock may be corrected in small steps. */
const TOLERANCE = 5000;

export class Clock {
    constructor() {
        /** Milliseconds to be added to the tablet's clock; null when never measured. */
        this.offset = null;
        const kept = JSON.parse(recall(KEY));
        if (kept) {
            ({ offset: this.offset, seen: this.seen } = kept);
        }
        this.look();
    }

    /**
     * Take in the server's time.
     *
     * @param {number} serverNow milliseconds since 1970
     * @param {number} roundTrip milliseconds that asking took
     */
    measure(serverNow, roundTrip) {
        this.offset = Math.round(serverNow + roundTrip / 2 - this.look());
        this.keep();
    }

    /**
     * Read the tablet's clock.
     *
     * One that was set, or has lost its time when the tablet was switched off, makes
     * what was measured useless. The server then measures when it gets the marks.
     */
    look() {
        const now = Date.now();
        const began = now - performance.now();
        const isSet = Math.abs(began - (this.began ?? began)) > TOLERANCE;
        if (isSet || now < this.seen - TOLERANCE) {
            this.offset = null;
        }
        this.began = began;
        this.seen = now;
        this.keep();
        return now;
    }

    /** Milliseconds since 1970, corrected. */
    now() {
        return this.look() + (this.offset ?? 0);
    }

    keep() {
        const { offset, seen } = this;
        remember(KEY, JSON.stringify({ offset, seen }));
    }
}
