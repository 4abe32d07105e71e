from werkzeug.routing import BaseConverter

from odoo import models
from odoo.http import request

from ..dialects import OpenSppDispatcher


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
        if OpenSppDispatcher.serves(path):
            return OpenSppDispatcher
        return super()._spp_api_dispatcher(path)

    @classmethod
    def _authorization(cls):
        header = super()._authorization()
        if header and isinstance(request.dispatcher, OpenSppDispatcher):
            # Some of these apps send along the end of the line that they keep the
            # token in, as the two characters that stand for it.
            header = header.replace("\\n", "")
        return header
