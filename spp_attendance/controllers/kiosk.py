import time
from http import HTTPStatus

from odoo import http
from odoo.http import Response, request

from odoo.addons.spp_oauth.api import ApiError, NotFound, api_route

from .. import kiosk_files, kiosk_log
from ..api import ExpectedIn, ExpectedOut, MarksIn, MarksOut
from ..api.kiosk_page import HelloIn, HelloOut

kiosk_log.install()

_BASE = "/kiosk/attendance"
#: 50 marks with all that fits into them, each character escaped.
_MAX_BODY = 256 * 1024

_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
_PAGE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
}
_FOR_EVER = "public, max-age=31536000, immutable"


class AttendanceKioskController(http.Controller):
    """The page of kiosks, and what it asks.

    No session and no cookie: whoever has the link is the kiosk.
    """

    @api_route(
        f"{_BASE}/<string:token>",
        methods=["GET"],
        auth="public",
        produces=["text/html"],
        readonly=True,
    )
    def page(self, token):
        """Show the page; also to whoever has an old link, whose marks may wait."""
        status, headers = HTTPStatus.OK, dict(_PAGE_HEADERS)
        try:
            self.env["ir.http"]._spp_enter_kiosk(token)
        except ApiError as exc:
            status = exc.code
            headers |= dict(exc.extra_headers)
            text = self.env["spp.attendance.kiosk"]._expired_page()
        else:
            text, version = request.spp_kiosk._page(token)
            headers["X-Kiosk-Version"] = version
        return Response(text, status=status, headers=headers, mimetype="text/html")

    @api_route(
        f"{_BASE}/<string:token>/manifest.webmanifest",
        methods=["GET"],
        auth="public",
        produces=["application/manifest+json"],
        readonly=True,
    )
    def manifest(self, token):
        """Tell how the page looks on a home screen."""
        self.env["ir.http"]._spp_enter_kiosk(token)
        return request.make_json_response(
            request.spp_kiosk._page_manifest(token),
            headers={
                "Cache-Control": "no-store",
                "Content-Type": "application/manifest+json",
            },
        )

    @api_route(
        f"{_BASE}/worker.js",
        methods=["GET"],
        auth="public",
        produces=["text/javascript"],
        readonly=True,
    )
    def worker(self):
        """Get the service worker: from below the kiosks' path, where it serves."""
        content, media_type = kiosk_files.worker()
        headers = {
            "Cache-Control": "no-cache",
            "Content-Security-Policy": "default-src 'none'; connect-src 'self'",
            "Content-Type": media_type,
        }
        return Response(content, headers=headers)

    @api_route(
        f"{kiosk_files.PREFIX}/<string:version>/<string:name>",
        methods=["GET"],
        auth="public",
        produces=["text/javascript", "text/css"],
        readonly=True,
    )
    def file(self, version, name):
        """Get a file of the page."""
        try:
            content, media_type = kiosk_files.read(name)
        except KeyError:
            raise NotFound("There is nothing at this address.") from None
        # Another server may be of another version already: it has what it has.
        is_same = version == kiosk_files.version()
        headers = {
            "Cache-Control": _FOR_EVER if is_same else "no-store",
            "Content-Type": media_type,
        }
        return Response(content, headers=headers)

    @api_route(
        f"{_BASE}/api/hello",
        methods=["POST"],
        auth="kiosk",
        body=HelloIn,
        response=HelloOut,
        max_body=_MAX_BODY,
    )
    def hello(self, body):
        """Take note of a tablet, and tell it the time and what is new."""
        kiosk = request.spp_kiosk
        kiosk._seen(body.offset, body.pending)
        token = request.httprequest.headers["X-Kiosk-Token"]
        return HelloOut(
            version=kiosk._page_config()["version"],
            **kiosk._page_token(token),
            now=_now(),
        )

    @api_route(
        f"{_BASE}/api/marks",
        methods=["POST"],
        auth="kiosk",
        body=MarksIn,
        response=MarksOut,
        max_body=_MAX_BODY,
    )
    def marks(self, body):
        """Take what was marked on a tablet."""
        received_at = _now()
        kiosk = request.spp_kiosk
        outcomes = kiosk._take_marks(body.marks, body.sent_at, received_at)
        kiosk._seen(body.offset, body.pending - len(outcomes))
        return MarksOut(outcomes=outcomes)

    @api_route(
        f"{_BASE}/api/people",
        methods=["POST"],
        auth="kiosk",
        body=ExpectedIn,
        response=ExpectedOut,
        max_body=_MAX_BODY,
    )
    def people(self, body):
        """Give an attendant the list of who is expected today."""
        people = request.spp_kiosk._expected_people(body.code)
        return ExpectedOut(people=people)


def _now():
    return int(time.time() * 1000)
