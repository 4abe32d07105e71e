/** What the browser keeps, so that the page opens without a network. */

import { readsCodes } from "./camera.js";

const WORKER = "/kiosk/attendance/worker.js";
const CACHE = "spp-attendance-kiosk";

/**
 * Keep the page as it is now, with all its files.
 *
 * The page is kept under each address that it had, for whoever opens an old one.
 *
 * @param {object} config of the page
 * @param {string[]} addresses
 * @returns {Promise<boolean>} whether the page opens without a network from now on
 */
export async function keepPage(config, addresses) {
    // Neither is there without HTTPS.
    if (!navigator.serviceWorker || !globalThis.caches) {
        return false;
    }
    const cache = await caches.open(CACHE);
    const files = await neededFiles(config);
    try {
        await navigator.serviceWorker.register(WORKER, { scope: "/kiosk/attendance/" });
        await navigator.serviceWorker.ready;
        await refreshPage(cache, config, files, addresses);
        await navigator.storage?.persist?.();
    } catch {
        // There may be no network at the moment: what was kept before is still there.
    }
    return isKept(cache, [location.pathname, ...files]);
}

async function refreshPage(cache, config, files, addresses) {
    const page = await fetch(addresses[0], { cache: "no-store" });
    // Another version would ask for other files than those that are kept here.
    if (!page.ok || page.headers.get("X-Kiosk-Version") !== config.version) {
        return;
    }
    for (const file of files) {
        if (!(await cache.match(file))) {
            await cache.add(file);
        }
    }
    for (const address of addresses) {
        await cache.put(address, page.clone());
    }
    await dropOthers(cache, files[0]);
}

async function isKept(cache, addresses) {
    const kept = await Promise.all(addresses.map((address) => cache.match(address)));
    return kept.every(Boolean);
}

/** The files of a page; the reader of codes is large, and many browsers have one. */
async function neededFiles({ files, camera }) {
    const own = Object.values(files);
    return !camera || (await readsCodes()) ? own : [...own, ...Object.values(camera)];
}

/** Drop what other versions than that of a file needed. */
async function dropOthers(cache, file) {
    const folder = new URL(".", new URL(file, location)).href;
    for (const { url } of await cache.keys()) {
        if (url.includes("/kiosk/attendance/files/") && !url.startsWith(folder)) {
            await cache.delete(url);
        }
    }
}
