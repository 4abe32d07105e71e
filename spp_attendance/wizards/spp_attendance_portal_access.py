from collections import Counter

from odoo import api, fields, models
from odoo.fields import Command
from odoo.tools import email_normalize


class SppAttendancePortalAccess(models.TransientModel):
    """Gives people a login with which each sees his own attendance.

    Says beforehand who gets one and who can't, and afterwards who got one.
    """

    _name = "spp.attendance.portal.access"
    _description = "Give Portal Access"

    line_ids = fields.One2many(
        "spp.attendance.portal.access.line", "access_id", string="People"
    )
    grantable_count = fields.Integer(compute="_compute_counts")
    invited_count = fields.Integer(compute="_compute_counts")
    refused_count = fields.Integer(compute="_compute_counts")

    @api.depends("line_ids.state")
    def _compute_counts(self):
        for access in self:
            states = Counter(access.line_ids.mapped("state"))
            access.grantable_count = states["ready"] + states["joining"]
            access.invited_count = states["invited"]
            access.refused_count = sum(
                states[name] for name in ("no_email", "taken", "shared", "archived")
            )

    @api.model
    def _open_for(self, subscribers):
        """The action that shows what would happen to these people."""
        access = self.create(
            {
                "line_ids": [
                    Command.create({"subscriber_id": subscriber_id})
                    for subscriber_id in subscribers.ids
                ]
            }
        )
        return access._action_show()

    def _action_show(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Give Portal Access"),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
        }

    def action_grant(self):
        """Make the logins, and invite their owners by mail."""
        self.ensure_one()
        self.check_access("write")
        self.line_ids.subscriber_id.check_access("write")
        lines = self.line_ids.grouped("state")
        none = self.line_ids.browse()
        participant = self.env.ref("spp_attendance.spp_attendance_group_participant")
        # These know their passwords: they get the page, and no invitation.
        joining = lines.get("joining", none)
        joining._users_sudo().filtered("active").group_ids = [
            Command.link(participant.id)
        ]
        ready = lines.get("ready", none)
        if ready:
            ready._invite(self.env.ref("base.group_portal") + participant)
        (joining + ready).is_granted = True
        return self._action_show()


class SppAttendancePortalAccessLine(models.TransientModel):
    _name = "spp.attendance.portal.access.line"
    _description = "Give Portal Access: Person"

    access_id = fields.Many2one(
        "spp.attendance.portal.access", required=True, ondelete="cascade", index=True
    )
    subscriber_id = fields.Many2one(
        "spp.attendance.subscriber", string="Person", required=True, ondelete="cascade"
    )
    # As the user: a line may name anybody, also of another company.
    email = fields.Char(related="subscriber_id.email", related_sudo=False)
    is_granted = fields.Boolean()
    state = fields.Selection(
        [
            ("ready", "Will be invited"),
            ("joining", "Has a login, will get the page"),
            ("invited", "Has access now"),
            ("member", "Had access already"),
            ("no_email", "No valid e-mail address"),
            ("taken", "Another login has this e-mail address"),
            ("shared", "Several of these people have this e-mail address"),
            ("archived", "The login is archived: an administrator can restore it"),
        ],
        compute="_compute_state",
        string="Result",
    )

    @api.depends("subscriber_id.email", "is_granted")
    def _compute_state(self):
        by_partner = self._users_sudo().grouped("partner_id")
        emails = Counter(
            (line.access_id, email_normalize(line.email))
            for line in self.access_id.line_ids
        )
        # Only whether a login exists is told of users whom one may not see.
        users_sudo = self.env["res.users"].sudo().with_context(active_test=False)
        logins = [email for _access, email in emails if email]
        taken = set(users_sudo.search([("login", "in", logins)]).mapped("login"))
        for line in self:
            user_sudo = by_partner.get(line.subscriber_id.partner_id.sudo())
            email = email_normalize(line.email)
            line.state = (
                "invited"
                if line.is_granted
                else line._state_of(user_sudo)
                if user_sudo
                else "no_email"
                if not email
                else "taken"
                if email in taken
                else "shared"
                if emails[line.access_id, email] > 1
                else "ready"
            )

    @api.model
    def _state_of(self, user_sudo):
        user_sudo = user_sudo.filtered("active")[:1]
        if not user_sudo:
            return "archived"
        group = "spp_attendance.spp_attendance_group_participant"
        return "member" if user_sudo.has_group(group) else "joining"

    def _users_sudo(self):
        """The logins that these people have, archived ones too.

        As the superuser: who registers people doesn't administer logins.
        """
        return (
            self.env["res.users"]
            .sudo()
            .with_context(active_test=False)
            .search([("partner_id", "in", self.subscriber_id.partner_id.ids)])
        )

    def _invite(self, groups):
        """Make a login with these groups for each, and mail an invitation."""
        # As the superuser, but with nothing in it that the caller could choose: a
        # portal login, in the company of the person.
        users_sudo = self.env["res.users"].sudo().with_context(no_reset_password=True)
        users_sudo = users_sudo.create(
            [
                {
                    "login": email_normalize(line.email),
                    "partner_id": line.subscriber_id.partner_id.id,
                    "company_id": line.subscriber_id.company_id.id,
                    "company_ids": [Command.set(line.subscriber_id.company_id.ids)],
                    "group_ids": [Command.set(groups.ids)],
                }
                for line in self
            ]
        )
        users_sudo.partner_id.signup_prepare()
        template_sudo = self.env.ref("auth_signup.portal_set_password_email").sudo()
        template_sudo.with_context(
            dbname=self.env.cr.dbname, medium="portalinvite"
        ).send_mail_batch(users_sudo.ids)
