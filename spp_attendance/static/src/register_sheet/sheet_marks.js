import { EventBus } from "@odoo/owl";
import { browser } from "@web/core/browser/browser";
import { _t } from "@web/core/l10n/translation";
import { rpc, RPCError } from "@web/core/network/rpc";
import { registry } from "@web/core/registry";
import { user } from "@web/core/user";
import { uuid } from "@web/core/utils/strings";
import { session } from "@web/session";

/** What comes within so many milliseconds goes to the server together. */
const GATHER = 250;
/** Seconds until the next attempt, more each time. */
const PAUSES = [2, 4, 8, 15, 30];
const TIMEOUT = 20_000;
/** As many marks are sent in one request. */
const BATCH = 100;

/**
 * Marks of register sheets on their way to the server.
 *
 * They are kept in this browser until the server has answered for each of them, one
 * entry a mark, so that several tabs don't write over each other. A mark says what a
 * cell shall be; sent twice, it is the same. Of a cell one mark is on its way, and at
 * most one waits behind it.
 *
 * Events: "change", and "answer" with `{mark, cell}`, the cell as the server has it.
 */
export class SheetMarks extends EventBus {
    constructor() {
        super();
        this.prefix = `spp_attendance.sheet/${session.db}/${user.userId}/`;
        /** By uuid, oldest first. */
        this.marks = new Map();
        /** Whether the server was not reached the last time. */
        this.isFailing = false;
        this.isExpired = false;
        /** Uuids of those that this browser keeps. */
        this.kept = new Set();
        this.sending = new Set();
        this.attempts = 0;
    }

    /** Take up what an earlier page has left, and send it. */
    start() {
        const found = [];
        try {
            for (let index = 0; index < browser.localStorage.length; index++) {
                const key = browser.localStorage.key(index);
                if (key?.startsWith(this.prefix)) {
                    found.push(JSON.parse(browser.localStorage.getItem(key)));
                }
            }
        } catch {
            // A browser that keeps nothing has nothing.
        }
        for (const mark of found.sort((one, other) => one.order - other.order)) {
            this.marks.set(mark.uuid, mark);
            this.kept.add(mark.uuid);
        }
        browser.addEventListener("online", () => this.send());
        if (this.waiting.length) {
            this.schedule(0);
        }
    }

    keep(mark) {
        try {
            browser.localStorage.setItem(this.prefix + mark.uuid, JSON.stringify(mark));
            if (browser.localStorage instanceof Storage) {
                this.kept.add(mark.uuid); // what stands in for one keeps nothing
            }
        } catch {
            // It is full, perhaps; what is sent makes room.
        }
    }

    drop(mark) {
        this.marks.delete(mark.uuid);
        if (this.kept.delete(mark.uuid)) {
            browser.localStorage.removeItem(this.prefix + mark.uuid);
        }
    }

    changed() {
        this.trigger("change");
    }

    /** Marks that no answer has come for. */
    get waiting() {
        return [...this.marks.values()].filter(({ reason }) => !reason);
    }

    /** Whether what is not sent yet survives that the page is closed. */
    get isKept() {
        return this.waiting.every(({ uuid }) => this.kept.has(uuid));
    }

    refused(registerId) {
        return [...this.marks.values()].filter(
            ({ reason, register }) => reason && register === registerId
        );
    }

    of(register, person, date) {
        return [...this.marks.values()].filter(
            (mark) =>
                mark.register === register && mark.person === person && mark.date === date
        );
    }

    /** The latest mark of each cell of a register, by `person/date`. */
    latest(register) {
        const result = new Map();
        for (const mark of this.marks.values()) {
            if (mark.register === register) {
                result.set(`${mark.person}/${mark.date}`, mark);
            }
        }
        return result;
    }

    /** How a mark is doing: "saving", "kept" or "refused". */
    stateOf(mark) {
        return mark.reason ? "refused" : this.isFailing ? "kept" : "saving";
    }

    /**
     * Keep what cells shall be, and send it as soon as that can be done.
     *
     * @param {number} register
     * @param {{person: number, date: string, name: string, cell: Array, wanted: object}[]}
     *     changes the cell as the server told it last: mark, entry, exit, version
     */
    add(register, changes) {
        for (const { person, date, name, cell, wanted } of changes) {
            let version = cell[3];
            let isSent = false;
            for (const mark of this.of(register, person, date)) {
                if (mark.isTried && !mark.reason) {
                    isSent = true; // it may have arrived
                } else {
                    version = mark.reason ? version : mark.version;
                    this.drop(mark);
                }
            }
            const isAsBefore =
                cell[0] === wanted.mark && cell[1] === wanted.entry && cell[2] === wanted.exit;
            if (isAsBefore && !isSent) {
                continue;
            }
            const mark = {
                uuid: uuid() + uuid(),
                order: Date.now() + performance.now() / 1e7,
                register,
                person,
                name,
                date,
                version,
                ...wanted,
            };
            this.marks.set(mark.uuid, mark);
            this.keep(mark);
        }
        this.changed();
        this.schedule(GATHER);
    }

    /** Forget marks that the server has refused. */
    dismiss(marks) {
        for (const mark of marks) {
            this.drop(mark);
        }
        this.changed();
    }

    schedule(milliseconds) {
        browser.clearTimeout(this.timer);
        this.timer = browser.setTimeout(() => this.send(), milliseconds);
    }

    /** Send what waits, in order; of each cell the next only after an answer. */
    async send() {
        if (this.sending.size) {
            return;
        }
        const batch = [];
        const cells = new Set();
        for (const mark of this.waiting) {
            const cell = `${mark.person}/${mark.date}`;
            if (mark.register === (batch[0] || mark).register && !cells.has(cell)) {
                batch.push(mark);
                cells.add(cell);
            }
            if (batch.length === BATCH) {
                break;
            }
        }
        if (!batch.length) {
            return;
        }
        this.sending = new Set(batch.map((mark) => mark.uuid));
        for (const mark of batch.filter(({ isTried }) => !isTried)) {
            mark.isTried = true;
            this.keep(mark);
        }
        for (const mark of this.waiting.filter(({ uuid }) => !this.kept.has(uuid))) {
            this.keep(mark);
        }
        try {
            this.hear(batch, await this.post(batch));
            this.isFailing = this.isExpired = false;
            this.attempts = 0;
        } catch (error) {
            this.fail(batch, error);
        } finally {
            this.sending.clear();
        }
        this.changed();
        if (this.waiting.length) {
            this.schedule(this.isFailing ? this.pause() : 0);
        }
    }

    pause() {
        return PAUSES[Math.min(this.attempts++, PAUSES.length - 1)] * 1000;
    }

    async post(batch) {
        const marks = batch.map(({ uuid, person, date, version, mark, entry, exit }) => ({
            uuid,
            person,
            date,
            version,
            mark,
            entry,
            exit,
        }));
        const request = rpc(
            "/web/dataset/call_kw/spp.attendance.register/mark_sheet",
            {
                model: "spp.attendance.register",
                method: "mark_sheet",
                args: [[batch[0].register], marks],
                // Whatever company is looked at when it is sent at last.
                kwargs: {
                    context: {
                        ...user.context,
                        allowed_company_ids: user.allowedCompanies.map(({ id }) => id),
                    },
                },
            },
            { silent: true }
        );
        const timer = browser.setTimeout(() => request.abort(), TIMEOUT);
        try {
            return await request;
        } finally {
            browser.clearTimeout(timer);
        }
    }

    hear(batch, answers) {
        const marks = new Map(batch.map((mark) => [mark.uuid, mark]));
        for (const { uuid, status, reason, cell } of answers) {
            const mark = marks.get(uuid);
            if (status === "refused") {
                this.refuse(mark, reason);
            } else {
                this.drop(mark);
                for (const next of this.of(mark.register, mark.person, mark.date)) {
                    next.version = cell[3];
                    this.keep(next);
                }
            }
            this.trigger("answer", { mark, cell });
        }
    }

    /** Keep a mark with why it is refused, and with it what was to come after it. */
    refuse(mark, reason) {
        const last = this.of(mark.register, mark.person, mark.date).at(-1);
        for (const other of this.of(mark.register, mark.person, mark.date)) {
            if (other !== last) {
                this.drop(other);
            }
        }
        last.reason = reason;
        this.keep(last);
    }

    fail(batch, error) {
        const isAnswer =
            error instanceof RPCError && error.exceptionName?.startsWith("odoo.exceptions.");
        if (isAnswer) {
            for (const mark of batch) {
                this.refuse(mark, error.data?.message || _t("The server refuses it."));
            }
        } else {
            this.isFailing = true;
            this.isExpired = error.exceptionName === "odoo.http.SessionExpiredException";
        }
    }
}

registry.category("services").add("spp_attendance.sheet_marks", {
    start() {
        const marks = new SheetMarks();
        marks.start();
        return marks;
    },
});
