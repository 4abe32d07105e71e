from difflib import SequenceMatcher

from odoo import api, models
from odoo.fields import Domain
from odoo.tools import format_date

from ..engine.names import words

#: As many as one reads before typing a name instead.
CANDIDATES = 6
#: Of those who have a word of the name, so many are compared.
COMPARED = 200
#: Shorter words are in too many names.
SHORTEST_WORD = 3


class SppAttendanceKioskRefusal(models.Model):
    """What officers do with the marks of a kiosk."""

    _inherit = "spp.attendance.kiosk.refusal"

    @api.depends("person_identifier", "claimed_name", "badge", "local_date")
    def _compute_display_name(self):
        for mark in self:
            typed = (mark.person_identifier, mark.badge, mark.claimed_name)
            date = mark.local_date and format_date(self.env, mark.local_date)
            mark.display_name = " ".join(filter(None, (*typed, date)))

    def action_resolve(self):
        """Ask whose these marks are."""
        self.check_access("read")
        return self.env["spp.attendance.kiosk.resolve"]._open_for(self)

    def action_dismiss(self):
        self.check_access("read")
        self._undecided()._dismiss()
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def _undecided(self):
        return self.filtered(lambda mark: mark.state in ("queued", "refused"))

    def _candidates(self):
        """Whom somebody may have meant who typed this, the likeliest first.

        With three statements at most, as the user.

        :return: ``(likely, sure)``: people, and who has the identifier that was typed
            or the badge that was read, if that is one person. Who has what was read as
            a badge for an identifier is but likely: others know that, too.
        """
        self.ensure_one()
        people = self.env["spp.attendance.subscriber"]
        own = Domain("company_id", "=", self.company_id.id)
        found = self.subscriber_id
        codes = [code for code in (self.person_identifier, self.badge) if code]
        if codes:
            found |= people.search(
                own
                & (
                    Domain("person_identifier", "in", codes)
                    | Domain("badge", "in", codes)
                    | Domain("alias_ids.person_identifier", "in", codes)
                ),
                limit=CANDIDATES,
            )
        sure = found if len(found) == 1 else people
        if self.badge and sure != self.subscriber_id and sure.badge != self.badge:
            sure = people
        typed = words(self.claimed_name or "")
        parts = [Domain("name", "ilike", w) for w in typed if len(w) >= SHORTEST_WORD]
        parts += [Domain("person_identifier", "ilike", code) for code in codes]
        if parts:
            found |= people.search(own & Domain.AND(parts), limit=COMPARED)
        if parts and len(found) < CANDIDATES:
            found |= people.search(own & Domain.OR(parts), limit=COMPARED)
        ranked = found.sorted(
            lambda person: (person in sure, *self._likeness(person, typed)),
            reverse=True,
        )
        return ranked[:CANDIDATES], sure

    def _likeness(self, person, typed):
        """How many words of the name are the person's, and how near the number is."""
        same = len(typed & words(person.name or "")) if typed else 0
        number = self.person_identifier or self.badge or ""
        near = SequenceMatcher(None, number, person.person_identifier or "").ratio()
        return same, near
