/** Read a badge with the camera. */

import { byId } from "./texts.js";

/** Milliseconds between two looks at the picture. */
const EVERY = 200;

/** Whether the browser reads codes itself; some say so and know of none. */
export async function readsCodes() {
    const formats = await globalThis.BarcodeDetector?.getSupportedFormats();
    return Boolean(formats?.includes("qr_code"));
}

async function makeDetector({ camera }) {
    if (await readsCodes()) {
        return new BarcodeDetector();
    }
    if (!globalThis.ZXing) {
        await new Promise((resolve, reject) => {
            const script = document.createElement("script");
            script.src = camera.library;
            script.onload = resolve;
            script.onerror = reject;
            document.head.append(script);
        });
    }
    const { buildZXingBarcodeDetector } = await import(camera.detector);
    const Detector = buildZXingBarcodeDetector(globalThis.ZXing);
    return new Detector();
}

/** Cameras are for pages that came over HTTPS only. */
export function hasCamera() {
    return Boolean(navigator.mediaDevices?.getUserMedia);
}

/**
 * Show what the camera sees until there is a code in it.
 *
 * @param {object} config of the page
 * @returns {Promise<string|null>} the code, or null when it was closed
 * @throws {Error} when there is no camera, or it may not be used
 */
export async function readCode(config) {
    const dialog = byId("camera");
    const video = dialog.querySelector("video");
    const stream = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: "environment" },
    });
    try {
        const detector = await makeDetector(config);
        video.srcObject = stream;
        dialog.showModal();
        await video.play();
        while (dialog.open) {
            const code = await look(detector, video);
            if (code) {
                return code;
            }
            await new Promise((resolve) => setTimeout(resolve, EVERY));
        }
        return null;
    } finally {
        dialog.close();
        video.srcObject = null;
        stream.getTracks().forEach((track) => track.stop());
    }
}

async function look(detector, video) {
    try {
        const [code] = await detector.detect(video);
        return code?.rawValue.trim();
    } catch {
        // No picture yet, or half a code in it.
        return null;
    }
}
