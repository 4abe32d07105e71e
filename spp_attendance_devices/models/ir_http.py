from odoo import models

from .. import push_log
from ..terminal_http import TerminalDispatcher


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    @classmethod
    def _spp_api_dispatcher(cls, path):
        if TerminalDispatcher.serves(path):
            return TerminalDispatcher
        return super()._spp_api_dispatcher(path)

    @classmethod
    def _match(cls, path_info):
        if TerminalDispatcher.serves(path_info):
            push_log.hide_address()
        return super()._match(path_info)
