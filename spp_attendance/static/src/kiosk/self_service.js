/** People mark themselves: who, then Present or Absent. */

import { hasCamera, readCode } from "./camera.js";
import { byId, make, newUuid } from "./texts.js";

/** Milliseconds after which what somebody left behind is cleared. */
const FORGET = 60_000;
/** How long a confirmation stays, by its kind. */
const SHOWN = { noted: 6000, kept: 8000, refused: 20_000 };
/** How long somebody waits for the server before the mark is just kept, by state. */
const WAIT = { online: 10_000, offline: 3000 };

export class SelfService {
    constructor(config, link, texts) {
        Object.assign(this, { config, link, texts });
        this.form = byId("form");
        this.dialog = byId("outcome");
        this.outcomes = new Map();
        this.fields = [...this.form.querySelectorAll("input[name]:not([type=radio])")];
    }

    start() {
        this.form.addEventListener("submit", (event) => event.preventDefault());
        this.form.addEventListener("keydown", (event) => this.onFormKey(event));
        this.form.addEventListener("input", () => this.onInput());
        document.addEventListener("keydown", (event) => this.onReaderKey(event));
        document.addEventListener("pointerdown", () => this.forgetLater());
        for (const button of this.form.querySelectorAll("[data-category]")) {
            button.addEventListener("click", () => this.mark(button.dataset.category));
        }
        const camera = byId("use-camera");
        if (camera) {
            camera.hidden = !hasCamera();
            camera.addEventListener("click", () => this.useCamera());
        }
        byId("next").addEventListener("click", () => this.next());
        byId("again").addEventListener("click", () => this.tryAgain());
        this.dialog.addEventListener("close", () => this.afterDialog());
        this.link.addEventListener("outcome", ({ detail }) => {
            this.outcomes.get(detail.uuid)?.(detail);
        });
        this.focusFirst();
    }

    get isIdle() {
        return (
            !this.isBusy &&
            this.fields.every(({ value }) => !value) &&
            !this.form.querySelector("[name=type]:checked")
        );
    }

    // ------------------------------------------------------------- filling in

    onFormKey(event) {
        if (event.key !== "Enter" || event.target.tagName !== "INPUT") {
            return;
        }
        event.preventDefault();
        const missing = this.missing();
        if (missing && missing !== event.target) {
            missing.focus();
        } else if (!missing) {
            this.say("choose");
            this.form.querySelector("[data-category=present]").focus();
        }
    }

    /** A reader types wherever it is: what it types is a badge. */
    onReaderKey(event) {
        const { badge } = this.form.elements;
        const isTyping = event.target.matches("input:not([type=radio]), select");
        const isText = event.key.length === 1 && event.key !== " ";
        const hasModifier = event.ctrlKey || event.altKey || event.metaKey;
        if (!badge || isTyping || !isText || hasModifier || byId("camera").open) {
            return;
        }
        document.querySelector("dialog[open]")?.close();
        badge.value = "";
        badge.focus();
    }

    onInput() {
        this.say("");
        for (const field of this.fields) {
            field.removeAttribute("aria-invalid");
        }
        this.forgetLater();
    }

    async useCamera() {
        const { badge } = this.form.elements;
        const button = byId("use-camera");
        button.disabled = true;
        this.say("");
        try {
            const code = await readCode(this.config);
            if (code) {
                badge.value = code;
                (this.missing() || byId("present")).focus();
                this.say(this.missing() ? "" : "choose");
            }
        } catch ({ name }) {
            this.say(name === "NotAllowedError" ? "camera_denied" : "no_camera", true);
            badge.focus();
        } finally {
            button.disabled = false;
        }
    }

    /** The first field that isn't filled in, or null. */
    missing() {
        const { badge, identifier, name, pin } = this.form.elements;
        const [type] = this.form.querySelectorAll("[name=type]");
        if (type && !this.form.elements.type.value) {
            return type;
        }
        const isEmpty = (field) => field && !field.value.trim();
        const isNamed = identifier?.value.trim() || name?.value.trim();
        if (badge && !isNamed) {
            if (isEmpty(badge)) {
                return badge;
            }
        } else if (!badge || isEmpty(badge)) {
            const field = [identifier, name].find(isEmpty);
            if (field) {
                return field;
            }
        }
        return isEmpty(pin) ? pin : null;
    }

    say(key, isError = false) {
        const message = byId("message");
        message.textContent = key && this.texts.get(key);
        message.classList.toggle("is-error", isError);
    }

    focusFirst() {
        const [first] = this.fields;
        first.focus({ preventScroll: true });
    }

    forgetLater() {
        clearTimeout(this.forgetTimer);
        this.forgetTimer = setTimeout(() => this.clear(), FORGET);
    }

    clear() {
        byId("camera").close();
        this.form.reset();
        this.onInput();
        clearTimeout(this.forgetTimer);
        this.focusFirst();
    }

    // ---------------------------------------------------------------- marking

    async mark(category) {
        const missing = this.missing();
        if (this.isBusy) {
            return;
        }
        if (missing) {
            missing.setAttribute("aria-invalid", "true");
            this.say(`missing_${missing.name}`, true);
            missing.focus();
            return;
        }
        this.isBusy = true;
        this.say("sending");
        const typed = this.read();
        const shown = mask(typed.badge || typed.identifier);
        const mark = { uuid: newUuid(), category, shown, ...typed };
        const at = this.link.clock.now();
        try {
            const outcome = await this.record(mark);
            this.typed = typed;
            this.show(category, typed, outcome, at);
        } catch {
            this.say("not_kept", true);
        } finally {
            this.isBusy = false;
        }
    }

    read() {
        const { elements } = this.form;
        const value = (name) => elements[name]?.value.trim() || null;
        const badge = value("badge");
        return {
            badge,
            identifier: badge ? null : value("identifier"),
            name: badge ? null : value("name"),
            pin: value("pin"),
            type: Number(value("type")) || this.config.types[0]?.id || null,
        };
    }

    /** Keep the mark, and what the server says of it if it does so soon; else null. */
    async record(mark) {
        let timer;
        const answered = new Promise((resolve) => {
            this.outcomes.set(mark.uuid, resolve);
            timer = setTimeout(resolve, WAIT[this.link.state] ?? WAIT.offline, null);
        });
        try {
            await this.link.add(mark);
            // Gone without an answer: another tab has heard it, and will say so.
            const sent = this.link
                .send()
                .then(() => (this.link.isWaiting(mark.uuid) ? null : answered));
            return await Promise.race([answered, sent]);
        } finally {
            clearTimeout(timer);
            this.outcomes.delete(mark.uuid);
        }
    }

    show(category, { badge, identifier, name }, outcome, at) {
        const kind = outcome ? { refused: "refused" }[outcome.status] || "noted" : "kept";
        this.dialog.dataset.kind = kind;
        const title = kind === "refused" ? kind : `${category}_${kind}`;
        byId("outcome-title").textContent = this.texts.get(title);
        byId("outcome-time").textContent = outcome?.time || this.texts.time(at);
        byId("outcome-typed").replaceChildren(
            ...[badge, identifier, name]
                .filter(Boolean)
                .map((text) => make("bdi", { textContent: text }))
        );
        byId("outcome-text").textContent = this.texts.get(`${kind}_text`);
        byId("again").hidden = kind !== "refused";
        this.form.reset();
        this.onInput();
        this.dialog.showModal();
        byId(kind === "refused" ? "again" : "next").focus();
        clearTimeout(this.dialogTimer);
        this.dialogTimer = setTimeout(() => this.dialog.close(), SHOWN[kind]);
    }

    next() {
        this.dialog.close();
    }

    tryAgain() {
        const { badge, identifier, name, type } = this.typed;
        const { elements } = this.form;
        for (const [field, value] of Object.entries({ badge, identifier, name })) {
            if (elements[field] && value) {
                elements[field].value = value;
            }
        }
        if (elements.type) {
            elements.type.value = type;
        }
        this.dialog.close();
    }

    afterDialog() {
        clearTimeout(this.dialogTimer);
        this.typed = null;
        this.forgetLater();
        // Browsers tell late that it was closed: whoever types by then goes on.
        if (!this.fields.includes(document.activeElement)) {
            this.focusFirst();
        }
    }
}

/** The next person may see that it waits, and not whose it is. */
function mask(text) {
    return `•••${text.slice(-2)}`;
}
