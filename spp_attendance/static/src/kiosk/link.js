/**
 * The way to the server: marks are sent until it has answered for each of them.
 *
 * States: "online", "offline", "expired" (the server doesn't know the link any more).
 */

const API = "/kiosk/attendance/api/";
const EVERY = 20_000;
/** How long nobody asks anything while nothing waits. */
const IDLE = 60_000;
/** As long the clock, once compared, goes right, and nothing is new. */
const FRESH = 15_000;
/** An expired link doesn't become good: ask seldom. */
const EXPIRED = 300_000;
const TIMEOUT = 20_000;
/** Seconds for which a server is left alone that wants to be. */
const PAUSE = 30;
/** As many marks are sent in one request. */
const BATCH = 50;

export class RequestError extends Error {
    constructor(status, retryAfter = 0) {
        super(`answered ${status}`);
        this.status = status;
        this.retryAfter = retryAfter;
    }
}

export class Link extends EventTarget {
    /**
     * @param {object} config of the page
     * @param {Store} store
     * @param {Clock} clock
     */
    constructor(config, store, clock) {
        super();
        Object.assign(this, { config, store, clock });
        this.token = config.token;
        this.issued = config.issued;
        this.state = navigator.onLine ? "online" : "offline";
        this.pending = [];
        /** Of the page that the server would give now. */
        this.version = config.version;
        /** Marks that can still be taken back, by uuid. */
        this.held = new Set();
        this.running = Promise.resolve();
        this.askedAt = 0;
        this.waitUntil = 0;
    }

    async start() {
        await this.adopt(this.token, this.issued);
        await this.count();
        for (const mark of this.pending.filter(({ isStuck }) => isStuck)) {
            await this.store.changeMark({ ...mark, isStuck: false });
        }
        setInterval(() => this.tick(), EVERY);
        addEventListener("online", () => this.send());
        addEventListener("offline", () => this.setState("offline"));
        return this.send();
    }

    get isStale() {
        return this.version !== this.config.version;
    }

    tick() {
        const rest = this.state === "expired" ? EXPIRED : IDLE;
        const isBusy = this.pending.length && this.state !== "expired";
        if (isBusy || this.state === "offline" || Date.now() - this.askedAt >= rest) {
            this.send();
        }
    }

    /**
     * Keep a mark here, and send it as soon as that can be done.
     *
     * @returns {Promise<void>} done when it is kept
     */
    async add(mark) {
        await this.store.addMark({
            ...mark,
            kiosk: this.config.kiosk,
            at: this.clock.look(),
            offset: this.clock.offset,
        });
        await this.count();
    }

    /** Keep a mark here that isn't sent before `release`. */
    async addHeld(mark) {
        this.held.add(mark.uuid);
        await this.add(mark);
    }

    release(uuid) {
        if (this.held.delete(uuid)) {
            this.send();
        }
    }

    /**
     * Take a mark back.
     *
     * @returns {Promise<boolean>} whether that was in time
     */
    async takeBack(uuid) {
        if (!this.held.has(uuid)) {
            return false;
        }
        await this.store.removeMarks([uuid]);
        this.held.delete(uuid);
        await this.count();
        return true;
    }

    /** Send all that waits; what the server says of a mark comes as event "outcome". */
    send() {
        // Who asks while it runs may have added something: once more, then.
        this.running = this.running.then(() => this.sendOnce()).catch(console.error);
        return this.running;
    }

    async sendOnce() {
        if (Date.now() < this.waitUntil) {
            return undefined;
        }
        const isFresh = Date.now() - this.askedAt < FRESH && this.state === "online";
        try {
            if (!isFresh || this.clock.offset === null) {
                await this.hello();
            }
            await this.sendMarks();
            this.setState("online");
        } catch (error) {
            if (error.status === 401 && (await this.hasLaterToken())) {
                return this.sendOnce();
            }
            this.fail(error);
        }
        return this.count();
    }

    fail(error) {
        if (error.status === 401) {
            this.setState("expired");
        } else if (error.status === 429) {
            this.waitUntil = Date.now() + error.retryAfter * 1000;
        } else {
            this.setState("offline");
        }
    }

    async hello() {
        this.askedAt = Date.now();
        const answer = await this.post("hello", {
            pending: this.pending.length,
            offset: this.clock.offset,
        });
        this.clock.measure(answer.now, answer.roundTrip);
        await this.adopt(answer.token, answer.issued);
        this.version = answer.version;
    }

    async sendMarks() {
        let size = BATCH;
        for (;;) {
            const all = await this.store.marks(this.config.kiosk);
            const marks = all
                .filter(({ uuid, isStuck }) => !isStuck && !this.held.has(uuid))
                .slice(0, size);
            if (!marks.length) {
                return;
            }
            try {
                await this.sendSome(marks);
            } catch (error) {
                if (![413, 422].includes(error.status)) {
                    throw error;
                }
                // The server can't read one of them: it must not hold up the others.
                if (marks.length === 1) {
                    await this.store.changeMark({ ...marks[0], isStuck: true });
                }
                size = Math.max(1, Math.floor(marks.length / 2));
            }
        }
    }

    async sendSome(marks) {
        const { outcomes } = await this.post("marks", {
            sent_at: Date.now(),
            offset: this.clock.offset,
            pending: this.pending.length,
            marks: marks.map(({ order, kiosk, isStuck, shown, ...mark }) => mark),
        });
        const isSent = new Set(marks.map(({ uuid }) => uuid));
        const answered = outcomes.filter(({ uuid }) => isSent.has(uuid));
        await this.store.removeMarks(answered.map(({ uuid }) => uuid));
        for (const outcome of answered) {
            this.dispatchEvent(new CustomEvent("outcome", { detail: outcome }));
        }
        await this.count();
        if (answered.length < marks.length) {
            // Too many were refused of late: the others later, then.
            throw new RequestError(429, PAUSE);
        }
    }

    /**
     * Ask the server.
     *
     * @returns {Promise<object>} its answer, and `roundTrip` in milliseconds
     * @throws {RequestError} when it refuses, or when something else answers for it
     */
    async post(name, body) {
        const aborter = new AbortController();
        const timer = setTimeout(() => aborter.abort(), TIMEOUT);
        const began = performance.now();
        try {
            const response = await fetch(API + name, {
                method: "POST",
                headers: {
                    "Content-Type": "application/json",
                    "X-Kiosk-Token": this.token,
                },
                body: JSON.stringify(body),
                credentials: "omit",
                cache: "no-store",
                redirect: "error",
                signal: aborter.signal,
            });
            const roundTrip = performance.now() - began;
            if (!response.ok) {
                const seconds = Number(response.headers.get("Retry-After")) || PAUSE;
                throw new RequestError(response.status, seconds);
            }
            // The log-in page of a guest network is no JSON.
            return { ...(await response.json()), roundTrip };
        } finally {
            clearTimeout(timer);
        }
    }

    /** Use a token from now on, unless this tablet knows a later one. */
    async adopt(token, issued) {
        const used = decodeURIComponent(location.pathname.split("/")[3] || token);
        const kept = await this.store.keepToken(this.config.kiosk, token, issued, used);
        ({ token: this.token, issued: this.issued } = kept);
        this.addresses = kept.tokens.map(addressOf);
    }

    /** Whether the new link was opened in another tab of this tablet. */
    async hasLaterToken() {
        const refused = this.token;
        await this.adopt(this.token, this.issued);
        return this.token !== refused;
    }

    async count() {
        this.pending = await this.store.marks(this.config.kiosk);
        this.dispatchEvent(new Event("change"));
    }

    setState(state) {
        this.state = state;
        this.dispatchEvent(new Event("change"));
    }
}

/** The address of a kiosk's page. */
export function addressOf(token) {
    return `/kiosk/attendance/${encodeURIComponent(token)}`;
}
