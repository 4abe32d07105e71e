/**
 * What this tablet remembers: marks that no server has answered for, the tokens of each
 * kiosk, and an attendant's list.
 *
 * All of it belongs to a kiosk, not to its link, which is renewed now and then.
 */

const NAME = "spp-attendance-kiosk";
/** Addresses under which a kiosk's page is still found. */
const MAX_TOKENS = 8;

function done(request) {
    return new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
    });
}

function finished(transaction) {
    return new Promise((resolve, reject) => {
        transaction.oncomplete = () => resolve();
        transaction.onerror = () => reject(transaction.error);
        transaction.onabort = () => reject(transaction.error);
    });
}

export class Store {
    static async open() {
        const request = indexedDB.open(NAME, 1);
        request.onupgradeneeded = () => {
            const db = request.result;
            const marks = db.createObjectStore("marks", {
                keyPath: "order",
                autoIncrement: true,
            });
            marks.createIndex("kiosk", "kiosk");
            marks.createIndex("uuid", "uuid", { unique: true });
            db.createObjectStore("kiosks", { keyPath: "kiosk" });
            db.createObjectStore("lists", { keyPath: "kiosk" });
        };
        return new Store(await done(request));
    }

    constructor(db) {
        this.db = db;
        // What the browser closes by itself, only another page opens again.
        db.onclose = () => location.reload();
    }

    /** Resolves once the mark is on the disk, as far as the browser can tell. */
    async addMark(mark) {
        const transaction = this.db.transaction("marks", "readwrite", {
            durability: "strict",
        });
        transaction.objectStore("marks").add(mark);
        await finished(transaction);
    }

    /** Marks of a kiosk that wait, oldest first; without one, of all kiosks. */
    async marks(kiosk) {
        const index = this.db.transaction("marks").objectStore("marks").index("kiosk");
        const marks = await done(index.getAll(kiosk));
        return marks.sort((one, other) => one.order - other.order);
    }

    async changeMark(mark) {
        const transaction = this.db.transaction("marks", "readwrite");
        transaction.objectStore("marks").put(mark);
        await finished(transaction);
    }

    async removeMarks(uuids) {
        const transaction = this.db.transaction("marks", "readwrite");
        const marks = transaction.objectStore("marks");
        for (const uuid of uuids) {
            const key = await done(marks.index("uuid").getKey(uuid));
            if (key !== undefined) {
                marks.delete(key);
            }
        }
        await finished(transaction);
    }

    /** The latest token that this tablet has been told for a kiosk, and older ones. */
    async kiosk(kiosk) {
        return done(this.db.transaction("kiosks").objectStore("kiosks").get(kiosk));
    }

    /** The kiosk that a token was once given to, or undefined. */
    async kioskOfToken(token) {
        const all = await done(
            this.db.transaction("kiosks").objectStore("kiosks").getAll()
        );
        return all.find(({ tokens }) => tokens.includes(token));
    }

    /**
     * Remember tokens of a kiosk.
     *
     * @param {string} kiosk
     * @param {string} token that counts, as of `issued`
     * @param {number} issued in milliseconds
     * @param {string} [used] token of the address that the page was opened at
     * @returns {Promise<{token: string, issued: number, tokens: string[]}>}
     */
    async keepToken(kiosk, token, issued, used = token) {
        const transaction = this.db.transaction("kiosks", "readwrite");
        const kiosks = transaction.objectStore("kiosks");
        const known = (await done(kiosks.get(kiosk))) || { issued: -1, tokens: [] };
        const latest = issued >= known.issued ? { token, issued } : known;
        const tokens = [...new Set([latest.token, token, used, ...known.tokens])];
        const entry = {
            kiosk,
            token: latest.token,
            issued: latest.issued,
            tokens: tokens.slice(0, MAX_TOKENS),
        };
        kiosks.put(entry);
        await finished(transaction);
        return entry;
    }

    async list(kiosk) {
        return done(this.db.transaction("lists").objectStore("lists").get(kiosk));
    }

    async keepList(list) {
        const transaction = this.db.transaction("lists", "readwrite");
        transaction.objectStore("lists").put(list);
        await finished(transaction);
    }

    async removeList(kiosk) {
        const transaction = this.db.transaction("lists", "readwrite");
        transaction.objectStore("lists").delete(kiosk);
        await finished(transaction);
    }
}
