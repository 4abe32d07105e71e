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
            ("unknown", "Nobody is known by this"),
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

        :param subscriber: whose they are, of the kiosk's company
        :raises UserError: when one can't be recorded, or was decided already
        :raises AccessError: when the user may not record attendance there
        """
        raise NotImplementedError

    def _dismiss(self):
        """Say that nothing is to be made of these marks.

        :raises UserError: when one was decided already
        :raises AccessError: for who is no officer
        """
        raise NotImplementedError
