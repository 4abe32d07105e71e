from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from odoo.addons.spp_oauth.tools.notices import CLOSE, notice

from ..devices import DeviceError
from ..suggestions import Wanted, explain, suggest


class SppAttendanceDevicePeople(models.TransientModel):
    """Whom a terminal knows, and who they are here: many badges assigned at once."""

    _name = "spp.attendance.device.people"
    _description = "People on a Terminal"
    _check_company_auto = True

    device_id = fields.Many2one(
        "spp.attendance.device", string="Terminal", required=True, readonly=True
    )
    company_id = fields.Many2one(related="device_id.company_id")
    line_ids = fields.One2many(
        "spp.attendance.device.people.line", "wizard_id", string="People"
    )

    @api.model
    def _open(self, device):
        """Have a terminal tell whom it knows, when the form is opened."""
        device.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("People on %(terminal)s", terminal=device.name),
            "res_model": self._name,
            "view_mode": "form",
            "target": "new",
            "context": {"default_device_id": device.id},
        }

    @api.model
    def default_get(self, fields):
        defaults = super().default_get(fields)
        device = self.device_id.browse(defaults.get("device_id")).exists()
        if device and "line_ids" in fields:
            defaults["line_ids"] = self._read_lines(device)
        return defaults

    @api.model
    def _read_lines(self, device):
        """Lines of everybody whom the terminal knows: unknown ones first.

        :raises UserError: telling why the terminal didn't answer
        """
        self.check_access("create")
        device.check_access("read")
        users = device._converse("users")
        if isinstance(users, DeviceError):
            raise UserError(device._hint(users.code))
        known = self._find_known(device, [user.code for user in users])
        badges = {
            user.code: Wanted(user.code, user.card, device.id, device.company_id.id)
            for user in users
            if user.code and user.code not in known
        }
        found = suggest(self.env, badges.values())
        lines = []
        for user in users:
            if not user.code:
                continue
            suggestion = found.get(badges.get(user.code))
            person_id = known.get(user.code) or (suggestion and suggestion.person_id)
            lines.append(
                {
                    "code": user.code,
                    "name": user.name,
                    "card": user.card or False,
                    "subscriber_id": person_id,
                    "is_known": user.code in known,
                    "suggestion": suggestion and explain(self.env, suggestion),
                    "is_chosen": bool(suggestion and not suggestion.archived),
                }
            )
        lines.sort(key=lambda line: (line["is_known"], not line["is_chosen"]))
        return [Command.create(line) for line in lines]

    @api.model
    def _find_known(self, device, codes):
        """``{code: id of the person}`` of badges whose scans find their person today.

        As the user: of people who aren't for them nothing is told.
        """
        today = fields.Date.context_today(self)
        badges = self.env["spp.attendance.device.user"].search(
            [
                ("code", "in", codes),
                ("company_id", "=", device.company_id.id),
                ("device_id", "in", [False, device.id]),
                "|",
                ("valid_from", "=", False),
                ("valid_from", "<=", today),
                "|",
                ("valid_to", "=", False),
                ("valid_to", ">=", today),
            ]
        )
        people = self.env["spp.attendance.subscriber"].search_fetch(
            [
                ("company_id", "=", device.company_id.id),
                "|",
                ("person_identifier", "in", codes),
                ("badge", "in", codes),
            ],
            ["person_identifier", "badge"],
        )
        return {
            **{person.badge: person.id for person in people if person.badge},
            **{person.person_identifier: person.id for person in people},
            **{
                badge.code: badge.subscriber_id.id
                for badge in badges.sorted(lambda badge: bool(badge.device_id))
            },
        }

    def action_assign(self):
        """Assign the chosen badges; what waits for them becomes attendance."""
        self.ensure_one()
        chosen = self.line_ids.filtered(lambda ln: ln.is_chosen and ln.subscriber_id)
        if not chosen:
            raise UserError(self.env._("Choose at least one badge and its person."))
        self.env["spp.attendance.device.user"]._assign(
            [
                {
                    "device_id": self.device_id.id,
                    "code": line.code,
                    "card": line.card,
                    "subscriber_id": line.subscriber_id.id,
                }
                for line in chosen
            ]
        )
        return notice(
            "success",
            self.env._("%(count)s badges are assigned.", count=len(chosen)),
            CLOSE,
        )


class SppAttendanceDevicePeopleLine(models.TransientModel):
    """Somebody whom a terminal knows."""

    _name = "spp.attendance.device.people.line"
    _description = "Person on a Terminal"
    _check_company_auto = True

    wizard_id = fields.Many2one(
        "spp.attendance.device.people", required=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="wizard_id.device_id.company_id")
    code = fields.Char(string="Badge", required=True)
    # Shown once, for people to recognise each other; kept nowhere.
    name = fields.Char(string="Name on the Terminal", store=False)
    card = fields.Char(string="Card Number")
    subscriber_id = fields.Many2one(
        "spp.attendance.subscriber", string="Person", check_company=True
    )
    is_known = fields.Boolean(string="Known")
    suggestion = fields.Char(string="Because", store=False)
    is_chosen = fields.Boolean(string="Assign")

    @api.onchange("subscriber_id")
    def _onchange_subscriber_id(self):
        self.is_chosen = bool(self.subscriber_id)
