from odoo import api, models
from odoo.fields import Domain


class SppAttendanceApiRowMixin(models.AbstractModel):
    """What the native API does with the rows of a register, below its address.

    A model adds its own ``uuid`` and ``register_id``.
    """

    _name = "spp.attendance.api.row.mixin"
    _description = "What the Native API Does with Rows of a Register"
    _inherit = ["spp.attendance.api.mixin"]

    @api.model
    def _api_list_of(self, reference, query):
        """A page of the rows, past ones too, of the register that an address names."""
        register = self.env["spp.attendance.register"]._api_find(reference)
        return self._api_list(query, Domain("register_id", "=", register.id))

    @api.model
    def _api_key_domain(self, reference):
        """
        :param tuple reference: uuid of the register, and of the row
        """
        register_uuid, row_uuid = reference
        return (
            Domain("uuid", "=", str(row_uuid))
            & Domain("register_id.uuid", "=", str(register_uuid))
            & Domain("register_id.is_deleted", "=", False)
        )
