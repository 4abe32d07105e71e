from odoo import models

from ..terminal_http import TerminalDispatcher


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    @classmethod
    def _spp_api_dispatcher(cls, path):
        if TerminalDispatcher.serves(path):
            return TerminalDispatcher
        return super()._spp_api_dispatcher(path)
