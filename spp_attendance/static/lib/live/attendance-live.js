"use strict";
/*
 * Attendance as it happens, for pages and programs, with the face of a WebSocket:
 *
 *     const feed = new AttendanceLive({ url: "https://odoo.example.org", getToken });
 *     feed.onmessage = (event) => {
 *         const data = JSON.parse(event.data);
 *         switch (data.type) { ... }
 *     };
 *
 * `getToken` gives, or promises, an access token; `token` is one that is not renewed.
 * It connects again by itself and goes on where it was. "close" is told of a connection
 * that was lost, and of the last one: `readyState` is 3 then. Times in milliseconds.
 */
globalThis.AttendanceLive = class AttendanceLive extends EventTarget {
    #REFUSED = 4401;
    #MOST_REFUSALS = 3;
    #server;
    #getToken;
    #renews;
    #socket;
    #lastId;
    #patience;
    #failures = 0;
    #refusals = 0;
    #timers = {};

    constructor({ url, token, getToken }) {
        super();
        this.#server = new URL(url, globalThis.location?.href);
        this.#getToken = getToken ?? (() => token);
        this.#renews = Boolean(getToken);
        this.readyState = WebSocket.CONNECTING;
        for (const type of ["open", "message", "error", "close"]) {
            this.addEventListener(type, (event) => this[`on${type}`]?.(event));
        }
        this.#after("connect", 0, () => this.#connect());
    }

    close() {
        this.#end(1000, "");
    }

    async #connect() {
        let token, live;
        try {
            token = await this.#getToken();
            live = await this.#ask(token);
        } catch (error) {
            this.#lost(error.code ?? 1006, error.message);
            return;
        }
        if (this.readyState === WebSocket.CLOSED) {
            return;
        }
        this.#lastId ??= live.last_id;
        this.#patience = 3000 * live.status_every;
        const socket = (this.#socket = new WebSocket(live.websocket_url));
        socket.onopen = () => {
            this.readyState = WebSocket.OPEN;
            this.#subscribe(live, token);
            this.#listen();
            this.#tell("open");
        };
        socket.onmessage = (event) => this.#hear(JSON.parse(event.data));
        socket.onclose = ({ code, reason }) => this.#lost(code, reason);
    }

    /** How to listen; a server that was updated wants its sockets opened anew. */
    async #ask(token) {
        const headers = { Authorization: `Bearer ${token}` };
        const address = new URL("/api/attendance/live", this.#server);
        const signal = AbortSignal.timeout(30_000);
        const answer = await fetch(address, { headers, credentials: "omit", signal });
        if (!answer.ok) {
            const code = [401, 403].includes(answer.status) ? this.#REFUSED : 1006;
            throw Object.assign(new Error(`Answered with ${answer.status}.`), { code });
        }
        return answer.json();
    }

    /** Also over a socket that has an older token, whose time is about to end. */
    #subscribe(live, token) {
        const data = { channels: [live.subscription + token], last: this.#lastId };
        this.#socket.send(JSON.stringify({ event_name: "subscribe", data }));
        if (!this.#renews) {
            return;
        }
        const socket = this.#socket;
        const soon = Math.max(30_000, 0.8 * AttendanceLive.#timeLeft(token));
        this.#after("renew", soon, async () => {
            try {
                const next = await this.#getToken();
                if (socket === this.#socket) {
                    this.#subscribe(live, next);
                }
            } catch (error) {
                this.#tell("error", { message: error.message });
            }
        });
    }

    #hear(messages) {
        this.#failures = this.#refusals = 0;
        this.#listen();
        for (const { id, message } of messages) {
            for (const event of message.payload?.events ?? []) {
                const data = JSON.stringify(event);
                this.dispatchEvent(new MessageEvent("message", { data }));
            }
            this.#lastId = Math.max(this.#lastId, id);
        }
    }

    /** The status comes at intervals: a connection that is silent is dead. */
    #listen() {
        const socket = this.#socket;
        this.#after("silence", this.#patience, () => {
            this.#lost(1006, "Nothing was heard of the server.");
            socket.close();
        });
    }

    #lost(code, reason) {
        if (this.readyState === WebSocket.CLOSED) {
            return;
        }
        this.#tell("error", { message: reason || `Closed (${code}).`, code });
        const refused = code === this.#REFUSED && ++this.#refusals;
        if (refused && (!this.#renews || refused >= this.#MOST_REFUSALS)) {
            this.#end(code, reason);
            return;
        }
        this.#drop();
        const wait = Math.min(60_000, 1000 * 2 ** this.#failures++);
        this.#after("connect", wait * (0.5 + Math.random() / 2), () => this.#connect());
        if (this.readyState === WebSocket.OPEN) {
            this.readyState = WebSocket.CONNECTING;
            this.#tell("close", { code, reason });
        }
    }

    #end(code, reason) {
        if (this.readyState !== WebSocket.CLOSED) {
            this.readyState = WebSocket.CLOSED;
            this.#drop()?.close();
            this.#tell("close", { code, reason });
        }
    }

    /** Hear no more of a connection, nor of what waits. */
    #drop() {
        Object.values(this.#timers).forEach(clearTimeout);
        const socket = this.#socket;
        this.#socket = null;
        if (socket) {
            socket.onopen = socket.onmessage = socket.onclose = null;
        }
        return socket;
    }

    /** For how long a JSON Web Token is good still; a day, if it doesn't say. */
    static #timeLeft(token) {
        try {
            const claims = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
            return JSON.parse(atob(claims)).exp * 1000 - Date.now();
        } catch {
            return 86_400_000;
        }
    }

    #after(name, delay, work) {
        clearTimeout(this.#timers[name]);
        this.#timers[name] = setTimeout(work, delay);
    }

    #tell(type, about) {
        this.dispatchEvent(Object.assign(new Event(type), about));
    }
};
