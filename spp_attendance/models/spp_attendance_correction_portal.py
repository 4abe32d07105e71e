from odoo import api, fields, models
from odoo.exceptions import UserError

from ..engine import localtime

#: Most bytes of a file, and most files, that somebody sends in the portal.
_MOST_BYTES = 10 * 1024 * 1024
_MOST_FILES = 5
#: By what a file begins. What a browser would run is none of these.
_BEGINNINGS = {
    b"%PDF-": "application/pdf",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
}
_MOST_ROWS = 50


class SppAttendanceCorrection(models.Model):
    """What the portal does: somebody asks for himself, and sees what became of it."""

    _inherit = "spp.attendance.correction"

    @api.model
    def _portal_list(self):
        """The user's own requests, the newest first.

        :return: values of the page; ``subscriber`` is empty for somebody of whom no
            days are kept
        """
        subscriber = self._default_subscriber()
        corrections = self
        if subscriber:
            corrections = self.search(
                [("subscriber_id", "=", subscriber.id)],
                order="create_date desc, id desc",
                limit=_MOST_ROWS,
            )
        return {"subscriber": subscriber, "corrections": corrections}

    @api.model
    def _portal_form(self, given):
        """The form to ask with, as far as it is filled in.

        :param dict given: what came with the address, or was sent before
        """
        subscriber = self._default_subscriber()
        tz = subscriber.location_id.sudo().tz  # whose place it is may know its clock
        tz = tz or subscriber.tz or self.env.company.attendance_tz
        today = localtime.to_local(fields.Datetime.now(), tz).date()
        names = ("date", "kind", "check_in", "check_out", "status", "reason")
        form = {name: given.get(name) or "" for name in names}
        form["kind"] = form["kind"] or "missing_punch"
        day = self.env["spp.attendance.day"]
        date = self._portal_date(form["date"])
        if subscriber and date:
            day = day.search(
                [("subscriber_id", "=", subscriber.id), ("date", "=", date)]
            )
        return {
            "subscriber": subscriber,
            "form": form,
            "day": day,
            "today": today,
            "kinds": self._fields["kind"]._description_selection(self.env),
            "statuses": self._fields["status"]._description_selection(self.env),
        }

    @api.model
    def _portal_date(self, text):
        try:
            return fields.Date.to_date(text or None)
        except ValueError:
            return None

    @api.model
    def _portal_ask(self, given, files):
        """Send a request for the user's own day.

        :param dict given: of the form
        :param list files: of the form, werkzeug's; empty ones are passed over
        :raises UserError: when something is missing, or can't be so
        """
        subscriber = self._default_subscriber()
        if not subscriber:
            raise UserError(self.env._("No days are kept for you."))
        date = self._portal_date(given.get("date"))
        if not date:
            raise UserError(self.env._("Say which day it is."))
        reason = (given.get("reason") or "").strip()
        if not reason:
            raise UserError(self.env._("Say why: a reason is required."))
        kind = given.get("kind")
        if kind not in dict(self._fields["kind"].selection):
            raise UserError(self.env._("Say what is wrong."))
        has_times = kind in ("missing_punch", "wrong_time")
        status = given.get("status") if kind == "status" else None
        if status and status not in dict(self._fields["status"].selection):
            raise UserError(self.env._("Say which status it should be."))
        correction = self.create(
            {
                "subscriber_id": subscriber.id,
                "date": date,
                "kind": kind,
                "check_in": has_times and given.get("check_in"),
                "check_out": has_times and given.get("check_out"),
                "status": status or False,
                "reason": reason[:4_000],
            }
        )
        correction._portal_attach([file for file in files if file.filename])
        correction.action_submit()
        return correction

    def _portal_attach(self, files):
        if len(files) > _MOST_FILES:
            raise UserError(
                self.env._("Send no more than %(most)s files.", most=_MOST_FILES)
            )
        vals_list = []
        for file in files:
            raw = file.read(_MOST_BYTES + 1)
            if len(raw) > _MOST_BYTES:
                raise UserError(
                    self.env._("“%(name)s” is larger than 10 MB.", name=file.filename)
                )
            kind = next(
                (kind for start, kind in _BEGINNINGS.items() if raw.startswith(start)),
                None,
            )
            if kind is None:
                raise UserError(
                    self.env._(
                        "“%(name)s” is not a PDF, PNG or JPEG.", name=file.filename
                    )
                )
            vals_list.append(
                {
                    "name": file.filename[:200],
                    "raw": raw,
                    "mimetype": kind,
                    "res_model": self._name,
                    "res_id": self.id,
                }
            )
        if vals_list:
            # Portal users make no files by themselves; this one is the user's own
            # request, a draft that nobody else sees yet.
            correction_sudo = self.sudo()
            attachments_sudo = self.env["ir.attachment"].sudo().create(vals_list)
            correction_sudo.attachment_ids = attachments_sudo

    @api.model
    def _portal_cancel(self, uuid):
        """Take one's own request back; one that was decided meanwhile stays."""
        correction = self.search([("uuid", "=", uuid)])
        if correction.may_cancel and correction._is_own():
            correction.action_cancel()
