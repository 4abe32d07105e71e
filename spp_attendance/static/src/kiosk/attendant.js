/** Somebody marks the people on a list, one tap each. */

import { byId, make, newUuid } from "./texts.js";

/** A tap can be taken back for as long, in milliseconds, before it is sent. */
const HOLD = 8000;

export class Attendant {
    constructor(config, link, texts) {
        Object.assign(this, { config, link, texts });
        this.list = null;
        this.code = null;
        /** Those whose mark is being kept at this moment. */
        this.busy = new Set();
    }

    async start() {
        byId("open-list").addEventListener("submit", (event) => {
            event.preventDefault();
            this.open(byId("code").value.trim(), byId("attendant").value.trim());
        });
        byId("reload-list").addEventListener("click", () => this.reload());
        byId("close-list").addEventListener("click", () => this.close());
        byId("find").addEventListener("input", () => this.filter());
        byId("keep-list").addEventListener("click", () => this.render());
        this.link.addEventListener("outcome", ({ detail }) => this.take(detail));
        this.link.addEventListener("change", () => this.dropOld());
        this.list = (await this.link.store.list(this.config.kiosk)) || null;
        for (const done of Object.values(this.list?.done || {})) {
            // What could be taken back when the page was closed can't be now.
            done.state = done.state === "held" ? "waiting" : done.state;
        }
        await this.recallMarks();
        await this.dropOld();
        this.render();
    }

    /** Marks are kept before the list is: the tablet may go off in between. */
    async recallMarks() {
        const { done, day, people } = this.list || { people: [] };
        const listed = new Set(people.map(({ uuid }) => uuid));
        for (const mark of await this.link.store.marks(this.config.kiosk)) {
            const { uuid, person, category, at } = mark;
            const instant = at + (mark.offset ?? this.link.clock.offset ?? 0);
            const isOfList = listed.has(person) && this.texts.dayKey(instant) === day;
            if (isOfList && !done[person]) {
                const time = this.texts.time(instant);
                done[person] = { category, time, uuid, state: "waiting" };
            }
        }
    }

    get isIdle() {
        return !this.list && !byId("code").value;
    }

    /** A list is of one day; a clock that went back doesn't end it. */
    async dropOld() {
        if (this.list?.day < this.today()) {
            await this.close();
        }
    }

    today() {
        return this.texts.dayKey(this.link.clock.now());
    }

    // ------------------------------------------------------------------- list

    async open(code, attendant) {
        if (!code) {
            byId("code").focus();
            return;
        }
        this.say("loading");
        try {
            const { people } = await this.link.post("people", { code });
            this.code = code;
            const { kiosk } = this.config;
            const done = this.list?.done || {};
            this.list = { kiosk, attendant, day: this.today(), people, done };
            await this.keep();
            this.say("");
            this.render();
        } catch (error) {
            const key = {
                401: "expired",
                403: "wrong_code",
                409: "list_too_long",
                429: "too_often",
            };
            this.say(key[error.status] || "list_needs_network", true);
            if (error.status === 401) {
                this.link.send();
            }
        }
    }

    reload() {
        if (this.code) {
            this.open(this.code, this.list.attendant);
        } else {
            // The code isn't kept: it is asked for again.
            byId("attendant-list").hidden = true;
            byId("open-list").hidden = byId("keep-list").hidden = false;
            byId("code").focus();
        }
    }

    async close() {
        this.list = this.code = null;
        await this.link.store.removeList(this.config.kiosk);
        this.render();
    }

    async keep() {
        try {
            await this.link.store.keepList(this.list);
        } catch {
            // The disk is full: the list is gone with the page, what is marked isn't.
        }
    }

    say(key, isError = false) {
        for (const message of document.querySelectorAll(".attendant-message")) {
            message.textContent = key && this.texts.get(key);
            message.classList.toggle("is-error", isError);
        }
    }

    render() {
        const { list } = this;
        byId("open-list").hidden = Boolean(list);
        byId("keep-list").hidden = true;
        byId("attendant-list").hidden = !list;
        if (!list) {
            byId("people").replaceChildren();
            byId("code").value = "";
            byId("code").focus();
            return;
        }
        byId("nobody").hidden = list.people.length > 0;
        byId("find-block").hidden = byId("marked").hidden = list.people.length === 0;
        byId("people").replaceChildren(
            ...list.people.map((person) => this.renderPerson(person))
        );
        this.filter();
        this.renderCount();
    }

    renderCount() {
        const { done, people } = this.list;
        byId("marked").textContent = this.texts.get("marked", {
            done: people.filter(({ uuid }) => done[uuid]).length,
            all: people.length,
        });
    }

    renderPerson(person) {
        const done = this.list.done[person.uuid];
        const { identifier, event } = person;
        const row = make(
            "li",
            { className: "person" },
            make(
                "div",
                { className: "person-name" },
                make("bdi", { textContent: person.name }),
                make("small", {}, make("bdi", { textContent: identifier })),
                make("small", {}, make("bdi", { textContent: event ?? "" }))
            )
        );
        row.dataset.person = person.uuid;
        row.dataset.state = done ? done.state : "open";
        row.append(...(done ? this.renderDone(person, done) : this.renderTaps(person)));
        return row;
    }

    renderTaps(person) {
        return ["present", "absent"].map((category) => {
            const button = make("button", {
                type: "button",
                className: `tap tap-${category}`,
                textContent: this.texts.get(category),
                onclick: () => this.mark(person, category),
            });
            button.setAttribute("aria-label", `${button.textContent}: ${person.name}`);
            return button;
        });
    }

    renderDone(person, { category, time, state, uuid }) {
        const key = state === "refused" ? "not_accepted" : category;
        const word = make("strong", { textContent: this.texts.get(key) });
        if (state !== "refused") {
            word.dataset.category = category;
        }
        const at = make("bdi", { textContent: time });
        const parts = [make("div", { className: "person-done" }, word, " ", at)];
        if (state === "held") {
            parts.push(
                make("button", {
                    type: "button",
                    className: "tap",
                    textContent: this.texts.get("undo"),
                    onclick: () => this.undo(person, uuid),
                })
            );
        }
        return parts;
    }

    renderAgain(person) {
        const row = byId("people").querySelector(`[data-person="${person}"]`);
        const known = this.list.people.find(({ uuid }) => uuid === person);
        if (row && known) {
            const fresh = this.renderPerson(known);
            fresh.hidden = row.hidden;
            row.replaceWith(fresh);
        }
        this.renderCount();
    }

    filter() {
        const wanted = fold(byId("find").value);
        let shown = 0;
        for (const row of byId("people").children) {
            row.hidden = !fold(row.querySelector(".person-name").textContent).includes(
                wanted
            );
            shown += row.hidden ? 0 : 1;
        }
        byId("nobody-found").hidden = shown > 0 || byId("find-block").hidden;
    }

    // ---------------------------------------------------------------- marking

    async mark(person, category) {
        const type = this.typeOf(person);
        if (type === undefined) {
            this.say("missing_type", true);
            document.querySelector("[name=list-type]").focus();
            return;
        }
        const { uuid: who, name: shown } = person;
        if (this.busy.has(who)) {
            return;
        }
        this.say("");
        const uuid = newUuid();
        const time = this.texts.time(this.link.clock.now());
        const { attendant } = this.list;
        const mark = { uuid, category, type, attendant, person: who, shown };
        this.busy.add(who);
        try {
            await this.link.addHeld(mark, HOLD);
        } catch {
            this.say("not_kept", true);
            return;
        } finally {
            this.busy.delete(who);
        }
        if (!this.list) {
            return; // The day ended meanwhile: it is sent all the same.
        }
        // Shown only now: what is shown is on the disk.
        this.setDone(person, { category, time, uuid, state: "held" });
        setTimeout(() => this.release(person, uuid), HOLD);
        await this.keep();
    }

    /** Id of the type, null for none, undefined when it must be chosen first. */
    typeOf(person) {
        const { types } = this.config;
        if (person.type || types.length < 2) {
            return person.type || types[0]?.id || null;
        }
        const chosen = document.querySelector("[name=list-type]:checked");
        return chosen ? Number(chosen.value) : undefined;
    }

    async undo(person, uuid) {
        if (await this.link.takeBack(uuid)) {
            this.setDone(person, null);
            await this.keep();
        }
    }

    /** It can't be undone any more. */
    async release(person, uuid) {
        const done = this.list?.done[person.uuid];
        if (done?.uuid === uuid && done.state === "held") {
            this.setDone(person, { ...done, state: "waiting" });
            await this.keep();
        }
    }

    setDone({ uuid }, done) {
        if (done) {
            this.list.done[uuid] = done;
        } else {
            delete this.list.done[uuid];
        }
        this.renderAgain(uuid);
    }

    /** What the server says of a mark of this list, maybe of before a reload. */
    async take({ uuid, status }) {
        const { done } = this.list || { done: {} };
        const person = Object.keys(done).find((key) => done[key].uuid === uuid);
        if (!person) {
            return;
        }
        done[person].state = status === "refused" ? "refused" : "sent";
        this.renderAgain(person);
        await this.keep();
    }
}

function fold(text) {
    return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().trim();
}
