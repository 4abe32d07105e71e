import copy
import uuid

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..acting import acting_uuid


class GivenJson(fields.Json):
    """JSON that is kept as it was given, also where it is empty."""

    def convert_to_cache(self, value, record, validate=True):
        if value is None or value is False:
            return None
        value = copy.deepcopy(value)
        return super().convert_to_cache(value, record, validate) if value else value


class SppAttendanceAuditedMixin(models.AbstractModel):
    """Something that other systems know by a uuid, with what they say of it.

    Who made and who changed it is kept as the uuid of who acted: behind a gateway that
    is not the user. A model keeps ``uuid`` unique itself: an index declared here would
    stay when the model's addon goes.
    """

    _name = "spp.attendance.audited.mixin"
    _description = "Audited by UUID"

    #: What is never changed once it is there: others go by it.
    _lasting_fields = frozenset({"uuid"})

    uuid = fields.Char(
        "UUID",
        required=True,
        readonly=True,
        copy=False,
        default=lambda self: str(uuid.uuid4()),
    )
    # Kept as given, and never looked into.
    additional_details = GivenJson(copy=False)
    created_by = fields.Char("Created by (UUID)", readonly=True, copy=False)
    modified_by = fields.Char("Modified by (UUID)", readonly=True, copy=False)

    @api.model_create_multi
    def create(self, vals_list):
        by = acting_uuid(self.env)
        vals_list = [
            {**vals, "created_by": by, "modified_by": by} for vals in vals_list
        ]
        if not self.env.su:
            for vals in vals_list:
                vals["uuid"] = str(uuid.uuid4())
        return super().create(vals_list)

    def write(self, vals):
        self._check_lasting(vals)
        vals = {name: value for name, value in vals.items() if name != "created_by"}
        return super().write({**vals, "modified_by": acting_uuid(self.env)})

    def _check_lasting(self, vals):
        """
        :raises UserError: when somebody would change what never changes
        """
        if self.env.su:
            return
        for name in sorted(self._lasting_fields & vals.keys()):
            field = self._fields[name]
            value = field.convert_to_cache(vals[name], self, validate=False)
            if any(
                field.convert_to_cache(row[name], row, validate=False) != value
                for row in self
            ):
                raise UserError(
                    self.env._(
                        "%(field)s stays as it is.",
                        field=field._description_string(self.env),
                    )
                )
