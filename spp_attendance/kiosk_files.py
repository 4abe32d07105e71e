"""What the page of a kiosk loads: plain files, under an address that has their version.

The address says which version they are, so that browsers may keep them for ever, and a
page that a tablet has kept finds the files that it was made for.
"""

import functools
import hashlib
from pathlib import Path

from odoo.tools import file_path

PREFIX = "/kiosk/attendance/files"

_JS = "text/javascript; charset=utf-8"
_CSS = "text/css; charset=utf-8"
_SOURCE = "spp_attendance/static/src/kiosk"

#: The page's own, by name: where it lies. Nothing else is served, so that no name can
#: lead anywhere.
PAGE = {
    name: f"{_SOURCE}/{name}"
    for name in (
        "attendant.js",
        "camera.js",
        "clock.js",
        "kiosk.css",
        "kiosk.js",
        "link.js",
        "memory.js",
        "offline.js",
        "self_service.js",
        "store.js",
        "texts.js",
    )
}
#: What reads badges where the browser can't: Odoo's own.
CAMERA = {
    "detector.js": "web/static/src/core/barcode/ZXingBarcodeDetector.js",
    "library.js": "web/static/lib/zxing-library/zxing-library.js",
}
WORKER = f"{_SOURCE}/worker.js"

_FILES = {**PAGE, **CAMERA}


@functools.cache
def version():
    """Changes with any of the files."""
    digest = hashlib.sha256()
    for name in sorted(_FILES):
        digest.update(Path(file_path(_FILES[name])).read_bytes())
    return digest.hexdigest()[:12]


def address(name):
    """The path at which a file is served."""
    return f"{PREFIX}/{version()}/{name}"


def read(name):
    """The content of a file, and its media type.

    :raises KeyError: when the page loads nothing of this name
    """
    path = Path(file_path(_FILES[name]))
    return path.read_bytes(), _CSS if path.suffix == ".css" else _JS


def worker():
    """The service worker, and its media type; it has one address for all versions."""
    return Path(file_path(WORKER)).read_bytes(), _JS
