from odoo import api, fields, models
from odoo.fields import Domain

from ..api import (
    AttendeeOut,
    AttendeePage,
    AttendeeResult,
    AttendeesOut,
    EnrolmentOut,
    LeaverResult,
    LeaversOut,
    Refused,
)
from ..enrolment import Enrol, Unenrol

_REASONS = {
    "ended": "The register has ended.",
    "outside": "This is not within the time of the register.",
    "enrolled": "This person is enrolled at that time already.",
    "not_enrolled": "This person is not enrolled.",
    "before_start": "The enrolment does not begin until later.",
}


class SppAttendanceRegisterAttendeeApi(models.Model):
    """What the native API does with who is on a register."""

    _name = "spp.attendance.register.attendee"
    _inherit = ["spp.attendance.register.attendee", "spp.attendance.api.row.mixin"]

    person_identifier = fields.Char(
        related="subscriber_id.person_identifier", string="Identifier"
    )

    _API_PAGE = AttendeePage
    _API_FIELDS = (
        "uuid",
        "register_id",
        "subscriber_id",
        "tag",
        "interval_ids",
        "enrolled_at",
        "unenrolled_at",
        "additional_details",
        "create_date",
        "write_date",
    )
    _API_SORTS = {
        "person_identifier": "person_identifier",
        "updated_at": "write_date",
    }
    _API_INACTIVE = None

    @api.model
    def _api_domain(self, query):
        domain = Domain.TRUE
        if query.person_identifier:
            people = self.env["spp.attendance.subscriber"]._api_identified(
                query.person_identifier
            )
            domain &= Domain("subscriber_id", "in", people)
        if query.tag:
            domain &= Domain("tag", "in", query.tag)
        if query.enrolled is not None:
            domain &= Domain("is_enrolled", "=", query.enrolled)
        return domain

    @api.model
    def _api_patch(self, reference, body):
        self.env["spp.attendance.register"]._api_find_mine(reference[0])
        return super()._api_patch(reference, body)

    # -------------------------------------------------------------- enrolling

    @api.model
    def _api_enrol(self, reference, body):
        """Enrol people, each for itself.

        Who is enrolled as the item says already is a duplicate: a retry is safe.

        :return: ``AttendeesOut``, an ``ApiResult``
        """

        def is_so(interval, item):
            return item.start_at in (None, interval.start_at) and item.end_at in (
                None,
                interval.end_at or None,
            )

        register = self.env["spp.attendance.register"]._api_find_mine(reference)
        people = self._api_people(register, body.attendees)
        results = self._api_run(
            register,
            body.attendees,
            people,
            lambda item, person: Enrol(
                register.id,
                person.id,
                item.start_at,
                item.end_at,
                item.tag,
                item.additional_details,
            ),
            self._enrol,
            AttendeeResult,
            "enrolled",
            lambda code, attendee, item: (
                code == "enrolled"
                and any(is_so(interval, item) for interval in attendee.interval_ids)
            ),
        )
        return register._api_outcome(results, AttendeesOut)

    @api.model
    def _api_unenrol(self, reference, body):
        """End the enrolment of people, each for itself.

        Whose enrolment has ended as the item says already is a duplicate.

        :return: ``LeaversOut``, an ``ApiResult``
        """
        register = self.env["spp.attendance.register"]._api_find_mine(reference)
        # Who is archived must still be let go.
        people = self._api_people(register, body.attendees, archived=True)
        results = self._api_run(
            register,
            body.attendees,
            people,
            lambda item, person: Unenrol(register.id, person.id, item.end_at),
            self._unenrol,
            LeaverResult,
            "unenrolled",
            lambda code, attendee, item: (
                code == "not_enrolled"
                and bool(attendee.unenrolled_at)
                and item.end_at in (None, attendee.unenrolled_at)
            ),
        )
        return register._api_outcome(results, LeaversOut)

    @api.model
    def _api_people(self, register, items, archived=False):
        people = register.env["spp.attendance.subscriber"]
        people = people.with_context(active_test=not archived)
        return people._by_identifier(
            item.person_identifier for item in items if not isinstance(item, Refused)
        )

    @api.model
    def _api_run(
        self, register, items, people, prepare, service, result, done, is_duplicate
    ):
        """What becomes of each item of a batch.

        :param people: ``{identifier: subscriber}``
        :param prepare: makes of an item and its person what the service takes
        :param service: ``_enrol`` or ``_unenrol``
        :param result: the schema of what is told of an item
        :param str done: the status of an item that was done
        :param is_duplicate: whether what was refused with a code is so already, called
            with the code, the attendee and the item
        """
        results, tasks = [None] * len(items), {}
        for index, item in enumerate(items):
            if isinstance(item, Refused):
                code, reason = "invalid", item.reason
            elif person := people.get(item.person_identifier):
                tasks[index] = prepare(item, person)
                continue
            else:
                code = "unknown_person"
                reason = (
                    "No active person here has the identifier"
                    f" {item.person_identifier!r}."
                )
            results[index] = result(
                index=index, status="rejected", reason=reason, code=code
            )
        outcomes = service(list(tasks.values()))
        found = self.search_fetch(
            Domain("register_id", "=", register.id)
            & Domain("subscriber_id", "in", [t.subscriber_id for t in tasks.values()]),
            ["uuid", "subscriber_id", "interval_ids", "unenrolled_at"],
        )
        attendees = {attendee.subscriber_id.id: attendee for attendee in found}
        for (index, task), outcome in zip(tasks.items(), outcomes, strict=True):
            attendee = attendees.get(task.subscriber_id, self.browse())
            status, reason, code = done, None, outcome.code
            if code:
                if is_duplicate(code, attendee, items[index]):
                    status, code = "duplicate", None
                else:
                    status, reason = "rejected", _REASONS[code]
            results[index] = result(
                index=index,
                status=status,
                uuid=attendee.uuid or None,
                reason=reason,
                code=code,
            )
        return results

    # ---------------------------------------------------------------- reading

    def _api_read(self):
        self.subscriber_id.fetch(["person_identifier", "name", "uuid"])
        self.interval_ids.fetch(["start_at", "end_at"])
        return [
            AttendeeOut.model_construct(
                uuid=attendee.uuid,
                person_identifier=attendee.subscriber_id.person_identifier,
                person_name=attendee.subscriber_id.name or "",
                person_uuid=attendee.subscriber_id.uuid,
                tag=attendee.tag or None,
                start_at=attendee.register_id._api_moment(attendee.enrolled_at),
                end_at=attendee.register_id._api_moment(attendee.unenrolled_at),
                enrolled=attendee.is_enrolled,
                enrolments=[
                    EnrolmentOut.model_construct(
                        start_at=attendee.register_id._api_moment(interval.start_at),
                        end_at=attendee.register_id._api_moment(interval.end_at),
                    )
                    for interval in attendee.interval_ids.sorted("start_at")
                ],
                additional_details=attendee.additional_details or None,
                created_at=self._api_instant(attendee.create_date),
                updated_at=self._api_instant(attendee.write_date),
            )
            for attendee in self
        ]
