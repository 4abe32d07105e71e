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
/** Milliseconds that a held mark is still left alone when nobody can undo it. */
const MARGIN = 2000;
const CHANNEL = "spp-attendance-kiosk";

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
        this.running = this.next = null;
        // By a clock that nobody sets.
        this.askedAt = -Infinity;
        this.waitUntil = -Infinity;
        // What the server says of a mark may be heard by another tab of this kiosk.
        this.channel = new BroadcastChannel(CHANNEL);
        this.channel.onmessage = ({ data }) => this.hear(data);
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
        const isLate = performance.now() - this.askedAt >= rest;
        if (isBusy || this.state === "offline" || isLate) {
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

    /** Keep a mark here that can be taken back for some milliseconds; then send it. */
    async addHeld(mark, milliseconds) {
        const rest = milliseconds + MARGIN;
        await this.add({ ...mark, heldUntil: Date.now() + rest });
        setTimeout(() => this.send(), rest + 1);
    }

    /**
     * Take a mark back.
     *
     * @returns {Promise<boolean>} whether that was in time
     */
    async takeBack(uuid) {
        const isInTime = this.pending.some((mark) => mark.uuid === uuid && isHeld(mark));
        if (isInTime) {
            await this.store.removeMarks([uuid]);
            await this.count();
        }
        return isInTime;
    }

    isWaiting(uuid) {
        return this.pending.some((mark) => mark.uuid === uuid);
    }

    /** Send all that waits; what the server says of a mark comes as event "outcome". */
    send() {
        // Who asks while it runs may have added something: once more, then.
        this.next ??= this.sendNext();
        return this.next;
    }

    async sendNext() {
        await this.running;
        this.running = this.next;
        this.next = null;
        try {
            await this.sendOnce();
        } catch (error) {
            console.error(error);
        }
    }

    async sendOnce() {
        if (performance.now() < this.waitUntil) {
            return undefined;
        }
        const isAsked = performance.now() - this.askedAt < FRESH;
        const isFresh = isAsked && this.state === "online";
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
            this.waitUntil = performance.now() + error.retryAfter * 1000;
        } else {
            this.setState("offline");
        }
    }

    async hello() {
        this.askedAt = performance.now();
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
                .filter((mark) => !mark.isStuck && !isHeld(mark))
                .slice(0, size);
            if (!marks.length) {
                return;
            }
            try {
                await this.sendSome(marks);
                size = Math.min(BATCH, size * 2);
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
            marks: marks.map(({ order, kiosk, isStuck, heldUntil, shown, ...mark }) => mark),
        });
        const isSent = new Set(marks.map(({ uuid }) => uuid));
        const answered = outcomes.filter(({ uuid }) => isSent.has(uuid));
        await this.store.removeMarks(answered.map(({ uuid }) => uuid));
        this.channel.postMessage(answered);
        await this.hear(answered);
        if (answered.length < marks.length) {
            // Too many were refused of late: the others later, then.
            throw new RequestError(429, PAUSE);
        }
    }

    async hear(outcomes) {
        for (const outcome of outcomes) {
            this.dispatchEvent(new CustomEvent("outcome", { detail: outcome }));
        }
        await this.count();
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
        let kept = { token, issued, tokens: [token] };
        try {
            const { kiosk } = this.config;
            kept = await this.store.keepToken(kiosk, token, issued, used);
        } catch {
            // The disk is full. What waits there has to be sent all the more.
        }
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

/** Whether a mark can be taken back; never for long, whatever the clock was set to. */
function isHeld({ heldUntil = 0 }) {
    const rest = heldUntil - Date.now();
    return rest > 0 && rest < EVERY;
}

/** The address of a kiosk's page. */
export function addressOf(token) {
    return `/kiosk/attendance/${encodeURIComponent(token)}`;
}
