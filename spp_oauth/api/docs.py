"""The page that shows an OpenAPI document, and lets people try what is in it.

Everything on it comes from us: Swagger UI lies in `static/lib`, and the policy that
goes with the page lets a browser ask no other host for anything.
"""

import functools
import gzip
import hashlib
from html import escape
from pathlib import Path
from string import Template

from werkzeug.http import parse_accept_header

_STATIC = Path(__file__).parents[1] / "static"

#: What the page loads: the file of each name, and its media type. Nothing else is
#: served, so that no name can lead anywhere. What is compressed travels like that.
ASSETS: dict[str, tuple[Path, str]] = {
    "swagger-ui.js": (
        _STATIC / "lib/swagger-ui/swagger-ui-bundle.js.gz",
        "text/javascript; charset=utf-8",
    ),
    "swagger-ui.css": (
        _STATIC / "lib/swagger-ui/swagger-ui.css.gz",
        "text/css; charset=utf-8",
    ),
    "icon.png": (_STATIC / "lib/swagger-ui/favicon-32x32.png", "image/png"),
    "docs.js": (_STATIC / "src/docs/docs.js", "text/javascript; charset=utf-8"),
    "docs.css": (_STATIC / "src/docs/docs.css", "text/css; charset=utf-8"),
}

_PAGE = Template(
    """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<link rel="icon" type="image/png" href="$assets/icon.png">
<link rel="stylesheet" href="$assets/swagger-ui.css">
<link rel="stylesheet" href="$assets/docs.css">
</head>
<body>
<noscript>This page needs JavaScript. The document itself is at
<a href="$document">$document</a>.</noscript>
<main id="docs" data-document="$document"></main>
<script nonce="$nonce" src="$assets/swagger-ui.js"></script>
<script nonce="$nonce" src="$assets/docs.js"></script>
</body>
</html>
"""
)


@functools.cache
def assets_version() -> str:
    """Changes with any of the files, so that browsers may keep them for ever."""
    digest = hashlib.sha256()
    for path, _media_type in ASSETS.values():
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def asset(name: str, accept_encoding: str | None) -> tuple[bytes, dict[str, str]]:
    """A file that the page loads, and the headers that go with it.

    :param accept_encoding: the header of the request
    :raises KeyError: when the page loads nothing of this name
    """
    path, media_type = ASSETS[name]
    content = path.read_bytes()
    headers = {
        "Content-Type": media_type,
        "Cache-Control": "public, max-age=31536000, immutable",
        "Vary": "Accept-Encoding",
    }
    if path.suffix == ".gz":
        if parse_accept_header(accept_encoding)["gzip"]:
            headers["Content-Encoding"] = "gzip"
        else:
            content = gzip.decompress(content)
    return content, headers


def page(*, title: str, document: str, assets: str, nonce: str) -> str:
    """The HTML of the page.

    :param document: the path of the OpenAPI document
    :param assets: the path under which `ASSETS` are served, by name
    :param nonce: said in `content_security_policy`, too; new for each request
    """
    values = {"title": title, "document": document, "assets": assets, "nonce": nonce}
    return _PAGE.substitute({name: escape(text) for name, text in values.items()})


def content_security_policy(nonce: str) -> str:
    """What the page may do: run the two scripts of ours, and ask this host."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src 'nonce-{nonce}'",
            "style-src 'self'",
            "img-src 'self' data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )
