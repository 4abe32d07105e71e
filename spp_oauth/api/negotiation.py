"""What a client accepts, and what it has already: RFC 9110, 12 and 13."""

from collections.abc import Sequence
from hashlib import sha256

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header, parse_etags


def is_acceptable(header: str | None, media_types: Sequence[str]) -> bool:
    """Whether an `Accept` header lets any of these media types pass.

    The most specific range that fits a type decides. Parameters such as a charset
    or a version don't: a client gets the only version there is, or nothing.

    :param header: the header, None when there is none
    :param media_types: such as "application/json"
    """
    if not header or header == "*/*" or header in media_types:
        return True
    ranges: dict[str, float] = {}
    for media_range, quality in parse_accept_header(header, MIMEAccept):
        name = media_range.partition(";")[0].strip().lower()
        ranges[name] = max(quality, ranges.get(name, 0))
    for media_type in media_types:
        name = media_type.partition(";")[0].strip().lower()
        kind = name.partition("/")[0]
        for candidate in (name, f"{kind}/*", "*/*"):
            if candidate in ranges:
                if ranges[candidate] > 0:
                    return True
                break
    return False


def make_etag(body: bytes) -> str:
    """A strong entity tag, quoted: the same body always has the same one."""
    return f'"{sha256(body).hexdigest()[:32]}"'


def is_known(header: str | None, etag: str) -> bool:
    """Whether an `If-None-Match` header names this entity tag.

    :param header: the header, None when there is none
    :param etag: as `make_etag` makes it
    """
    # RFC 9110 13.1.2: here even a weak tag will do
    return bool(header) and parse_etags(header).contains_weak(etag.strip('"'))
