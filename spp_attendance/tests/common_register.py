from datetime import datetime

from ..acting import Actor, as_actor
from ..enrolment import Enrol, EnrolStaff, Unenrol, UnenrolStaff
from .common import AttendanceCase


class RegisterCase(AttendanceCase):
    """Registers of September 2026, in Nairobi unless they are elsewhere."""

    def model_as(self, user, name="spp.attendance.register", actor=None):
        """A model as a user, or somebody a gateway speaks for, sees it."""
        model = self.env[name].with_user(user)
        model = model.with_context(allowed_company_ids=user.company_ids.ids)
        return model.with_env(as_actor(model.env, actor)) if actor else model

    def new_register(self, user=None, actor=None, **vals):
        """A register that a user made, who is its first staff."""
        return self.model_as(user or self.officer, actor=actor).create(
            {
                "name": "Drainage works",
                "date_start": "2026-09-01",
                "date_end": "2026-09-30",
                **vals,
            }
        )

    @staticmethod
    def attendees_of(register):
        return register.env["spp.attendance.register.attendee"]

    @staticmethod
    def staff_of(register):
        return register.env["spp.attendance.register.staff"]

    def enrol(self, register, *people, **values):
        """Codes of enrolments as who sees the register."""
        items = [Enrol(register.id, person.id, **values) for person in people]
        return [done.code for done in self.attendees_of(register)._enrol(items)]

    def unenrol(self, register, *people, **values):
        items = [Unenrol(register.id, person.id, **values) for person in people]
        return [done.code for done in self.attendees_of(register)._unenrol(items)]

    def enrol_staff(self, register, *uuids, **values):
        items = [EnrolStaff(register.id, uuid, **values) for uuid in uuids]
        return [done.code for done in self.staff_of(register)._enrol(items)]

    def unenrol_staff(self, register, *uuids):
        items = [UnenrolStaff(register.id, uuid) for uuid in uuids]
        return [done.code for done in self.staff_of(register)._unenrol(items)]

    @staticmethod
    def at(text):
        """An instant of a day of September, such as ``10 12:00``."""
        return datetime.fromisoformat(f"2026-09-{text}")

    @staticmethod
    def somebody(name="Ravi", **values):
        """Whom only a gateway knows."""
        return Actor(uuid=f"gateway-{name.lower()}", name=name, **values)

    def intervals_of(self, register, person):
        attendee = register.attendee_ids.filtered(lambda a: a.subscriber_id == person)
        return [(row.start_at, row.end_at) for row in attendee.interval_ids]

    def mark(self, register, person, day=5):
        """A mark that is there, however it came in."""
        return self.env["spp.attendance.record"].create(
            {
                "subscriber_id": person.id,
                "register_id": register.id,
                "local_date": f"2026-09-{day:02}",
                "local_time": "08:00",
            }
        )
