from odoo import models
from odoo.http import request

from ..dialects import OpenSppDispatcher


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

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
