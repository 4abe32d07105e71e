from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from odoo.addons.base.models.res_partner import _tz_get

from .spp_attendance_record import CATEGORIES

#: What was refused and nobody asked for is forgotten after so many days.
RETENTION_DAYS = 180
_VACUUM_BATCH = 10_000


class SppAttendanceKioskRefusal(models.Model):
    """A mark made at a kiosk that did not become a record at once, and why.

    Written by the kiosk alone. What is queued waits for an officer, who says whose it
    is or dismisses it; what was refused can be taken in the same way.
    """

    _name = "spp.attendance.kiosk.refusal"
    _description = "Refused Mark of a Kiosk"
    _inherit = ["spp.attendance.dated.mixin"]
    _order = "create_date desc, id desc"
    _rec_name = "code"

    kiosk_id = fields.Many2one(
        "spp.attendance.kiosk",
        required=True,
        readonly=True,
        ondelete="restrict",
        check_company=True,
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    uuid = fields.Char(
        string="UUID", required=True, readonly=True, help="The tablet's, of this mark."
    )
    date_time = fields.Datetime(
        string="Instant", required=True, readonly=True, help="By the corrected clock."
    )
    tz = fields.Selection(_tz_get, string="Time Zone", required=True, readonly=True)
    tablet_time = fields.Char(
        string="Tablet's Clock", readonly=True, help="As the tablet said, verbatim."
    )
    person_identifier = fields.Char(string="Identifier as Typed", readonly=True)
    claimed_name = fields.Char(string="Name as Typed", readonly=True)
    badge = fields.Char(string="Badge as Read", readonly=True)
    attendant = fields.Char(string="Marked by", readonly=True)
    category = fields.Selection(CATEGORIES, required=True, readonly=True)
    code = fields.Selection(
        [
            ("incomplete", "Something was not filled in"),
            ("unknown", "Nobody here has this identifier or badge"),
            ("archived", "The person is archived"),
            ("name_mismatch", "The name is another one"),
            ("wrong_pin", "Wrong PIN"),
            ("no_pin", "The person has no PIN"),
            ("pin_locked", "Too many wrong PINs"),
            ("not_offered", "Not offered at this kiosk"),
            ("too_old", "Too long ago"),
            ("rejected", "Could not be recorded"),
        ],
        string="Reason",
        required=True,
        readonly=True,
    )
    reason = fields.Char(string="Detail", readonly=True)
    state = fields.Selection(
        [
            ("refused", "Refused"),
            ("queued", "To Decide"),
            ("accepted", "Accepted"),
            ("dismissed", "Dismissed"),
        ],
        string="Status",
        required=True,
        readonly=True,
        default="refused",
    )
    subscriber_id = fields.Many2one(
        "spp.attendance.subscriber",
        string="Person",
        readonly=True,
        check_company=True,
        ondelete="set null",
        index="btree_not_null",
        help="Who was meant, as far as is known; of an accepted mark, whose it is.",
    )
    record_id = fields.Many2one(
        "spp.attendance.record",
        string="Attendance Record",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
    )
    resolved_by = fields.Many2one(
        "res.users", string="Decided by", readonly=True, ondelete="set null"
    )
    resolved_at = fields.Datetime(string="Decided on", readonly=True)

    _kiosk_uuid_unique = models.UniqueIndex(
        "(kiosk_id, uuid)", "This mark of the kiosk is in the list already."
    )
    _kiosk_create_date_idx = models.Index("(kiosk_id, create_date)")
    _company_create_date_idx = models.Index("(company_id, create_date, id)")

    # ------------------------------------------------------------- deciding

    def _accept(self, subscriber):
        """Record these marks for somebody, as if the kiosk had known at once.

        As the user, so who may not record there can't. All or nothing.

        :param subscriber: whose they are, of the kiosk's company
        :raises UserError: when one can't be recorded, or was decided already
        :raises AccessError: when the user may not record attendance there
        """
        subscriber.ensure_one()
        self._check_decision()
        for kiosk, marks in self.grouped("kiosk_id").items():
            outcomes = kiosk._ingest(
                [mark._fact(subscriber) for mark in marks], atomic=True
            )
            for mark, outcome in zip(marks, outcomes, strict=True):
                mark._settle(
                    state="accepted",
                    subscriber_id=subscriber.id,
                    record_id=outcome.id,
                )

    def _dismiss(self):
        """Say that nothing is to be made of these marks.

        :raises UserError: when one was decided already
        :raises AccessError: for who is no officer
        """
        self._check_decision()
        self._settle(state="dismissed")

    def _check_decision(self):
        self.check_access("read")
        if not self.env.su and not self.env.user.has_group(
            "spp_attendance.spp_attendance_group_officer"
        ):
            raise AccessError(self.env._("Only officers decide on marks of a kiosk."))
        if any(mark.state in ("accepted", "dismissed") for mark in self):
            raise UserError(self.env._("Somebody has decided on this mark already."))

    def _fact(self, subscriber):
        return self.kiosk_id._fact(
            subscriber,
            uuid=self.uuid,
            date_time=self.date_time,
            category=self.category,
            type_id=self.type_id.id,
            tablet_time=self.tablet_time,
            claimed_name=self.claimed_name,
            attendant=self.attendant,
            location_id=self.location_id.id,
            tz=self.tz,
        )

    def _settle(self, **values):
        # Nobody may change what a kiosk has sent; officers decide on it.
        marks_sudo = self.sudo()
        marks_sudo.write(
            {
                **values,
                "resolved_by": self.env.uid,
                "resolved_at": fields.Datetime.now(),
            }
        )

    @api.autovacuum
    def _gc_refusals(self):
        """Forget what was refused long ago, or dismissed."""
        limit = fields.Datetime.now() - timedelta(days=RETENTION_DAYS)
        old = self.sudo().search(
            [("create_date", "<", limit), ("state", "in", ("refused", "dismissed"))],
            limit=_VACUUM_BATCH,
        )
        old.unlink()
        return len(old), len(old) == _VACUUM_BATCH
