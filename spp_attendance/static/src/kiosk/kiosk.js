/** The page of a kiosk: what is there at all times, and which mode it is in. */

import { Attendant } from "./attendant.js";
import { Clock } from "./clock.js";
import { addressOf, Link } from "./link.js";
import { recall, remember } from "./memory.js";
import { keepPage } from "./offline.js";
import { SelfService } from "./self_service.js";
import { Store } from "./store.js";
import { byId, make, Texts } from "./texts.js";

const CONTRAST = "spp-attendance-kiosk-contrast";
const RELOADED = "spp-attendance-kiosk-reloaded";
/** Two servers may not agree on what the newest page is: milliseconds of peace. */
const RELOAD_REST = 600_000;
const KEEP_AGAIN = 60_000;

const config = JSON.parse(byId("config").textContent);
const texts = new Texts(config);

class Page {
    constructor(link, mode) {
        Object.assign(this, { link, mode });
        this.opensOffline = false;
    }

    async start() {
        this.link.addEventListener("change", () => this.render());
        byId("waiting").addEventListener("click", () => this.showWaiting());
        setInterval(() => this.renderClock(), 1000);
        addEventListener("languagechosen", () => this.renderAll());
        this.renderAll();
        await this.mode.start();
        await this.link.start();
        await this.keep();
        // The network may have gone in the middle of it.
        setInterval(() => this.opensOffline || this.keep(), KEEP_AGAIN);
    }

    async keep() {
        this.opensOffline = await keepPage(config, this.link.addresses);
        this.render();
    }

    renderAll() {
        this.render();
        this.renderClock();
        this.mode.render?.();
    }

    render() {
        const { state, pending } = this.link;
        const isExpired = state === "expired";
        document.body.dataset.state = state;
        byId("work").hidden = isExpired;
        byId("expired").hidden = !isExpired;
        showExpiredCount(pending.length);
        byId("network").textContent = texts.get(state);
        byId("waiting").textContent = texts.get("waiting", { count: pending.length });
        byId("waiting").hidden = isExpired;
        this.refresh();
    }

    renderClock() {
        const now = this.link.clock.now();
        byId("time").textContent = texts.time(now);
        byId("day").textContent = texts.day(now);
    }

    /** Take over what is new, between two people. */
    refresh() {
        const { link } = this;
        const isAsked = document.querySelector("dialog[open]");
        if (isAsked || !this.mode.isIdle || link.state !== "online") {
            return;
        }
        if (this.opensOffline && location.pathname !== addressOf(link.token)) {
            history.replaceState(null, "", addressOf(link.token));
            this.keep();
        }
        const since = Math.abs(Date.now() - sessionStorage.getItem(RELOADED));
        if (link.isStale && since > RELOAD_REST) {
            sessionStorage.setItem(RELOADED, Date.now());
            location.reload();
        }
    }

    showWaiting() {
        const { pending, clock } = this.link;
        byId("waiting-list").replaceChildren(
            ...pending.map(({ at, offset, category, shown, isStuck }) =>
                make(
                    "li",
                    {},
                    make("span", {
                        textContent: texts.time(at + (offset ?? clock.offset ?? 0)),
                    }),
                    make("bdi", { textContent: shown }),
                    make("span", {
                        textContent: texts.get(isStuck ? "not_accepted" : category),
                    })
                )
            )
        );
        byId("waiting-text").textContent = texts.get(
            pending.length ? "waiting_text" : "nothing_waits"
        );
        const opens = this.opensOffline ? "opens_offline" : "opens_online_only";
        byId("opens-offline").textContent = texts.get(opens);
        byId("waiting-dialog").showModal();
    }
}

function showExpiredCount(count) {
    byId("expired-count").textContent = texts.get(count ? "expired_waiting" : "", {
        count,
    });
}

// ------------------------------------------------------- language and contrast

function speak() {
    const { code, direction } = texts.language;
    document.documentElement.lang = code;
    document.documentElement.dir = direction;
    document.title = texts.get("title");
    texts.fill(document);
    for (const button of document.querySelectorAll("[data-language]")) {
        button.setAttribute("aria-pressed", button.dataset.language === code);
    }
    dispatchEvent(new Event("languagechosen"));
}

function setContrast(isHigh) {
    document.documentElement.dataset.contrast = isHigh ? "high" : "normal";
    byId("contrast").setAttribute("aria-pressed", isHigh);
}

function startTools() {
    const wanted = recall(CONTRAST);
    const isHigh = matchMedia("(prefers-contrast: more)").matches;
    setContrast(wanted ? wanted === "high" : isHigh);
    byId("contrast").addEventListener("click", () => {
        const { dataset } = document.documentElement;
        setContrast(dataset.contrast !== "high");
        remember(CONTRAST, dataset.contrast);
    });
    for (const button of document.querySelectorAll("[data-language]")) {
        button.addEventListener("click", () => {
            texts.choose(button.dataset.language);
            speak();
        });
    }
    for (const button of document.querySelectorAll("[data-close]")) {
        button.addEventListener("click", () => button.closest("dialog").close());
    }
    for (const button of document.querySelectorAll("[data-reload]")) {
        button.addEventListener("click", () => location.reload());
    }
}

// ------------------------------------------------------------------------ start

/** The server doesn't know this link; maybe the tablet knows a later one. */
async function startExpired(store) {
    const token = decodeURIComponent(location.pathname.split("/")[3]);
    const kiosk = await store.kioskOfToken(token);
    if (kiosk && kiosk.token !== token) {
        location.replace(addressOf(kiosk.token));
        return;
    }
    const marks = await store.marks(kiosk?.kiosk);
    showExpiredCount(marks.length);
}

async function start() {
    startTools();
    speak();
    let store;
    try {
        store = await Store.open();
    } catch {
        byId("no-store").hidden = false;
        byId("work")?.remove();
        return;
    }
    if (!config.kiosk) {
        await startExpired(store);
        return;
    }
    const link = new Link(config, store, new Clock());
    const Mode = config.mode === "attendant" ? Attendant : SelfService;
    await new Page(link, new Mode(config, link, texts)).start();
}

start();
