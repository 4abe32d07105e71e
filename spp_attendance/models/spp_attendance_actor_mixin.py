import uuid

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.fields import Command

from ..required import check_required


class SppAttendanceActorMixin(models.AbstractModel):
    """Something that records attendance by itself, as a service user of its own.

    A model adds its own ``name``, ``active`` and ``company_id``, which its user
    follows, and says which groups the user has. It also keeps ``user_id`` unique: an
    index declared here would be this addon's, and stay when the model's addon goes.
    """

    _name = "spp.attendance.actor.mixin"
    _description = "Acts as a Service User"

    #: What the system alone sets: whoever could change it could act as any user.
    _identity_fields = frozenset({"user_id"})
    #: What the service user follows.
    _acting_fields = frozenset({"name", "active", "company_id"})
    #: How the logins of service users begin.
    _login_prefix = "service"

    user_id = fields.Many2one(
        "res.users",
        string="Service User",
        required=True,
        readonly=True,
        copy=False,
        ondelete="restrict",
        help="Attendance from here is recorded as this user.",
    )

    def _acting_groups(self):
        """The groups of this one's service user: none, unless a model gives it some."""
        return self.env["res.groups"]

    @api.model_create_multi
    def create(self, vals_list):
        self._check_identity({key for vals in vals_list for key in vals})
        actors = super().create(
            [{**vals, "user_id": self._new_service_user(vals).id} for vals in vals_list]
        )
        actors._sync_service_users()
        return actors

    def write(self, vals):
        self._check_identity(vals.keys())
        check_required(self, vals)
        result = super().write(vals)
        if "company_id" in vals:
            # Rules judge where it was; nobody moves it to where they have no say.
            self.check_access("write")
        if not self._acting_fields.isdisjoint(vals):
            self._sync_service_users()
        return result

    def unlink(self):
        users_sudo = self.user_id.sudo()  # see _new_service_user
        result = super().unlink()
        users_sudo.write({"active": False})
        return result

    @api.model
    def _check_identity(self, names):
        """
        :raises AccessError: when somebody would set what the system alone sets
        """
        if taken := [] if self.env.su else sorted(self._identity_fields & set(names)):
            labels = [
                self._fields[name]._description_string(self.env) for name in taken
            ]
            raise AccessError(
                self.env._(
                    "The system alone sets: %(fields)s.", fields=", ".join(labels)
                )
            )

    @api.model
    def _new_service_user(self, vals):
        """A user without any rights yet, and with no way to log in."""
        company = self.env["res.company"].browse(vals.get("company_id"))
        company = company or self.env.company
        if not self.env.su and company not in self.env.user.company_ids:
            raise AccessError(self.env._("You don't work for this company."))
        # Who administers these need not administer users as well.
        users_sudo = self.env["res.users"].sudo().with_context(no_reset_password=True)
        return users_sudo.create(
            {
                "name": vals.get("name") or self._description,
                "login": f"{self._login_prefix}-{uuid.uuid4().hex}",
                "company_id": company.id,
                "company_ids": [Command.set(company.ids)],
                "group_ids": [Command.clear()],
            }
        )

    def _sync_service_users(self):
        for actor in self:
            user_sudo = actor.user_id.sudo()  # see _new_service_user
            user_sudo.write(
                {
                    "name": actor.name,
                    "active": actor.active,
                    "company_ids": [Command.set(actor.company_id.ids)],
                    "company_id": actor.company_id.id,
                    "group_ids": [Command.set(actor._acting_groups().ids)],
                }
            )
