from werkzeug.routing import BaseConverter

from odoo import models
from odoo.http import request

from odoo.addons.spp_oauth.api import SppApiDispatcher
from odoo.addons.spp_oauth.oauth.errors import InvalidToken

from .. import kiosk_log
from ..dialects import DigitDispatcher, OpenSppDispatcher

_KIOSK = "/kiosk/attendance"


class SubscriberConverter(BaseConverter):
    """What stands for a person in an address; `batch` is an address of its own.

    Nobody has a NUL in his identifier, since no PostgreSQL text can hold it.
    """

    regex = r"(?!batch$)[^/\x00]+"
    part_isolating = True


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    @classmethod
    def _get_converters(cls):
        return {**super()._get_converters(), "subscriber": SubscriberConverter}

    @classmethod
    def _spp_api_dispatcher(cls, path):
        if DigitDispatcher.serves(path):
            return DigitDispatcher
        if OpenSppDispatcher.serves(path):
            return OpenSppDispatcher
        if path == _KIOSK or path.startswith(f"{_KIOSK}/"):
            return SppApiDispatcher
        return super()._spp_api_dispatcher(path)

    @classmethod
    def _match(cls, path_info):
        if path_info.startswith(f"{_KIOSK}/"):
            kiosk_log.hide_address()
        return super()._match(path_info)

    @classmethod
    def _auth_method_kiosk(cls):
        """Run the request as the kiosk whose token the header `X-Kiosk-Token` holds.

        Sets `request.spp_kiosk`.

        :raises Unauthorized: without a token that is good now
        :raises TooManyRequests: to an address that is refused too often
        """
        cls._spp_enter_kiosk(request.httprequest.headers.get("X-Kiosk-Token"))

    @classmethod
    def _spp_enter_kiosk(cls, token):
        """The same, for a token from elsewhere."""
        kiosk = request.env["spp.attendance.kiosk"]._find_by_token(token or "")
        if not kiosk:
            refusal = InvalidToken(
                "The link is not valid, or no longer.", reason="unknown_kiosk"
            )
            cls._spp_refuse(refusal, request.httprequest.remote_addr)
        request.update_env(user=kiosk.env.uid, su=False, context=kiosk.env.context)
        request.spp_kiosk = kiosk.with_env(request.env)

    @classmethod
    def _authorization(cls):
        header = super()._authorization()
        if header and isinstance(request.dispatcher, OpenSppDispatcher):
            # Some of these apps send along the end of the line that they keep the
            # token in, as the two characters that stand for it.
            header = header.replace("\\n", "")
        if header is None and isinstance(request.dispatcher, DigitDispatcher):
            token = request.dispatcher.read_token()
            # as it stands in the header, or without the word before it
            header = token and f"Bearer {token.removeprefix('Bearer ')}"
        return header
