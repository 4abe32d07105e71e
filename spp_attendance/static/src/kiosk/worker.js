/**
 * Lets the page open without a network.
 *
 * What is kept is chosen by the page (see offline.js); here it is only served: a page
 * from the network if that answers, a file of the page from what is kept.
 */

const PATIENCE = 6000;
/** What is kept is the same for whoever asks. */
const ANY = { ignoreSearch: true, ignoreVary: true };

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
    if (event.request.method !== "GET") {
        return;
    }
    if (event.request.mode === "navigate") {
        event.respondWith(openPage(event.request));
    } else if (event.request.destination) {
        event.respondWith(openFile(event.request));
    }
});

async function openPage(request) {
    const kept = await caches.match(request, ANY);
    const fetched = fetch(request);
    if (!kept) {
        return fetched;
    }
    // A network that is there and says nothing is none; a server in trouble neither,
    // nor what a guest network says. That a link is no longer good is an answer.
    const late = new Promise((resolve) => setTimeout(resolve, PATIENCE));
    const response = await Promise.race([fetched.catch(() => null), late]);
    return response?.ok || response?.status === 401 ? response : kept;
}

async function openFile(request) {
    return (await caches.match(request, ANY)) || fetch(request);
}
