from datetime import UTC, datetime
from uuid import uuid4

from ..api import MarkIn
from .common import AttendanceCase

#: Eight in the morning at the hall.
MORNING = datetime(2026, 9, 1, 5, tzinfo=UTC)


def ms(moment):
    """Milliseconds since 1970 of an aware moment."""
    return int(moment.timestamp() * 1000)


def mark(identifier="T-1", name="Amina Okafor", at=MORNING, **values):
    """A mark as a tablet sends it; ``at`` is an aware moment on its clock."""
    return MarkIn(
        **{
            "uuid": uuid4(),
            "category": "present",
            "identifier": identifier,
            "name": name,
            "at": ms(at),
            "offset": 0,
            **values,
        }
    )


class KioskCase(AttendanceCase):
    """A kiosk in the hall."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kiosk = cls.new_kiosk()

    @classmethod
    def new_kiosk(cls, **values):
        return cls.env["spp.attendance.kiosk"].create(
            {
                "name": "Door",
                "company_id": cls.company.id,
                "location_id": cls.hall.id,
                **values,
            }
        )

    def take(self, *marks, kiosk=None, sent_at=MORNING, received_at=MORNING):
        """What the page is told of marks: their statuses."""
        outcomes = (kiosk or self.kiosk)._take_marks(
            list(marks), ms(sent_at), ms(received_at)
        )
        return [outcome.status for outcome in outcomes]

    def record_of(self, given):
        return self.env["spp.attendance.record"].search(
            [("external_id", "=", str(given.uuid))]
        )

    def refusal_of(self, given):
        return self.env["spp.attendance.kiosk.refusal"].search(
            [("uuid", "=", str(given.uuid))]
        )

    def refused(self, given, **kwargs):
        """Code and state in the log of a mark that becomes no record."""
        self.take(given, **kwargs)
        self.assertFalse(self.record_of(given))
        refusal = self.refusal_of(given)
        return refusal.code, refusal.state
