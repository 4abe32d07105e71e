from odoo import api, models
from odoo.fields import Domain

from ..api import digit
from ..digit_rows import attendee_sql, between
from ..enrolment import Enrol, Unenrol

_MODEL = "spp.attendance.register.attendee"
_SIZES = {"tag": 64, "individualId": digit.ID_SIZE}


class SppAttendanceDigit(models.AbstractModel):
    """Attendees of registers: ``/attendance/attendee/v1``."""

    _inherit = "spp.attendance.digit"

    # --------------------------------------------------------------- writing

    @api.model
    def _create_attendees(self, asked):
        digit.check_sizes(
            asked.items("attendees"), "attendeeCreateRequest.attendees", _SIZES
        )
        items = self._read_attendees(
            asked, "ATTENDEE", "ATTENDEE Object is empty in attendee request"
        )
        service = self._enter_after_fields(asked.info, items)
        people = service._individuals(items, may_create=True)
        registers = service._registers_of(items)
        outcomes = service.env[_MODEL]._enrol(
            [
                Enrol(
                    registers[digit.to_text(item, "registerId")].id,
                    people[digit.to_text(item, "individualId")],
                    start_at=digit.to_instant(item, "enrollmentDate"),
                    tag=digit.to_text(item, "tag") or None,
                    details=item.get("additionalDetails"),
                )
                for item in items
            ]
        )
        digit.refuse_first(
            items,
            [outcome.code for outcome in outcomes],
            {
                "ended": lambda item: digit.refuse(
                    "END_DATE",
                    "Attendee cannot be enrolled as END_DATE of register id"
                    f" {digit.to_text(item, 'registerId')} has already passed.",
                ),
                "outside": lambda item: digit.refuse(
                    "ENROLLMENT_DATE",
                    "Enrollment date for attendee :"
                    f" {digit.to_text(item, 'individualId')} must be within start and"
                    " end date of the register",
                ),
                "enrolled": lambda item: digit.refuse(
                    "INDIVIDUAL_ID",
                    f"Attendee {digit.to_text(item, 'individualId')} is already"
                    f" enrolled in the register {digit.to_text(item, 'registerId')}",
                ),
            },
        )
        return service._attendees_done(asked, outcomes)

    @api.model
    def _delete_attendees(self, asked):
        items = self._read_attendees(asked, "ATTENDEES", "ATTENDEE object is mandatory")
        service = self._enter_after_fields(asked.info, items)
        people = service._individuals(items, archived=True)
        registers = service._registers_of(items)
        outcomes = service.env[_MODEL]._unenrol(
            [
                Unenrol(
                    registers[digit.to_text(item, "registerId")].id,
                    people[digit.to_text(item, "individualId")],
                    end_at=digit.to_instant(item, "denrollmentDate"),
                )
                for item in items
            ]
        )
        digit.refuse_first(
            items,
            [outcome.code for outcome in outcomes],
            {
                "outside": lambda item: digit.refuse(
                    "DE ENROLLMENT_DATE",
                    "De enrollment date for attendee :"
                    f" {digit.to_text(item, 'individualId')} must be between start date"
                    " and end date of the register",
                ),
                "not_enrolled": lambda item: digit.refuse(
                    "INDIVIDUAL_ID",
                    f"Attendee {digit.to_text(item, 'individualId')} is already de"
                    f" enrolled from the register {digit.to_text(item, 'registerId')}",
                ),
                "before_start": lambda item: digit.refuse(
                    "DE ENROLLMENT_DATE",
                    "De enrollment date for attendee :"
                    f" {digit.to_text(item, 'individualId')} cannot be before its"
                    " enrollment date",
                ),
            },
        )
        return service._attendees_done(asked, outcomes)

    @api.model
    def _update_tags(self, asked):
        digit.check_sizes(
            asked.items("attendees"), "attendeeUpdateTagRequest.attendees", _SIZES
        )
        items = asked.items("attendees")
        if not items or None in items:
            raise digit.refuse("ATTENDEE_LIST_EMPTY", "Attendee list is empty")
        self._check_fields(
            items,
            ("id", "ID_MISSING", "Attendee uuid is mandatory"),
            ("tenantId", "TENANT_ID_MISSING", "Tenant id is mandatory"),
            ("tag", "TAG_MISSING", "New tag value must be provided"),
        )
        self._check_tenants(
            items, "TENANT_ID_MISSING", "All attendees must have the same tenant id"
        )
        service = self._enter_after_fields(asked.info, items)
        tags = {digit.to_text(item, "id"): digit.to_text(item, "tag") for item in items}
        attendees = service.env[_MODEL].search_fetch(
            service._register_rows_domain({})
            & service._rows_in_scope()
            & Domain("uuid", "in", list(tags)),
            ["uuid", "tag"],
        )
        if not attendees:
            raise digit.refuse("ATTENDEES_NOT_FOUND", "Attendees not found")
        by_uuid = {attendee.uuid: attendee for attendee in attendees}
        for uuid in tags:
            if uuid not in by_uuid:
                raise digit.refuse("INVALID_ID", f"Attendee with id {uuid} not found")
        for tag, same in attendees.grouped(lambda one: tags[one.uuid]).items():
            same.write({"tag": tag})
        ids = [by_uuid[digit.to_text(item, "id")].id for item in items]
        return service._rows_done(asked, "attendees", _MODEL, attendee_sql(), ids)

    def _read_attendees(self, asked, code, message):
        items = asked.items("attendees")
        if not items or None in items:
            raise digit.refuse(code, message)
        self._check_fields(
            items,
            ("registerId", "REGISTER_ID", "Register id is mandatory"),
            ("individualId", "INDIVIDUAL_ID", "Individual id is mandatory"),
            ("tenantId", "TENANT_ID", "Tenant id is mandatory"),
        )
        self._check_tenants(
            items,
            "TENANT_ID",
            "All Attendees to be enrolled or de enrolled must have the same tenant id."
            " Please raise new request for different tenant id",
        )
        self._check_duplicates(
            items, [digit.to_text(item, "individualId") for item in items]
        )
        return items

    @staticmethod
    def _check_duplicates(items, people):
        """Refuse two items that are about one person and register.

        :param list people: whatever stands for the person of each item
        """
        pairs = {
            (digit.to_text(item, "registerId"), person)
            for item, person in zip(items, people, strict=True)
        }
        if len(pairs) < len(items):
            raise digit.refuse(
                "ATTENDEE", "Duplicate attendee Objects present in request"
            )

    def _individuals(self, items, may_create=False, archived=False):
        """The people that items are about: ``{individual id: id}``.

        :param bool may_create: register those whom only the gateway knows, where the
            company wants that
        :param bool archived: people who are archived are meant, too
        """
        by_id = {digit.to_text(item, "individualId"): item for item in items}
        people = self._people(by_id, archived)
        missing = [name for name in by_id if name not in people]
        if missing and may_create and self._creates_unknown():
            # Who has been archived here, or is another company's, is not made anew.
            new = set(missing) - self._people(missing, archived=True).keys()
            new -= self._taken_uuids(missing)
            people |= self._register_individuals(
                [by_id[name] for name in missing if name in new]
            )
            missing = [name for name in missing if name not in new]
        if missing:
            raise digit.refuse(
                "INDIVIDUAL_ID_NOT_FOUND", f"Individual with id: {missing[0]} not found"
            )
        self._check_duplicates(
            items, [people[digit.to_text(item, "individualId")] for item in items]
        )
        return people

    def _taken_uuids(self, uuids):
        """Which of these are people's of any company, whoever may see them."""
        people_sudo = self.env["spp.attendance.subscriber"].sudo()
        people_sudo = people_sudo.with_context(active_test=False)
        found_sudo = people_sudo.search_fetch([("uuid", "in", uuids)], ["uuid"])
        return set(found_sudo.mapped("uuid"))

    def _register_individuals(self, items):
        """Register people as a gateway knows them, with the name it may tell."""
        ids = [digit.to_text(item, "individualId") for item in items]
        created = self.env["spp.attendance.subscriber"].create(
            [
                {
                    "company_id": self.env.company.id,
                    "person_identifier": individual_id,
                    "uuid": individual_id,
                    "name": self._individual_name(item) or individual_id,
                }
                for individual_id, item in zip(ids, items, strict=True)
            ]
        )
        return dict(zip(ids, created.ids, strict=True))

    @staticmethod
    def _individual_name(item):
        details = item.get("additionalDetails")
        name = details.get("individualName") if isinstance(details, dict) else None
        return name.strip() if isinstance(name, str) else ""

    def _attendees_done(self, asked, outcomes):
        ids = [outcome.attendee_id for outcome in outcomes]
        return self._rows_done(asked, "attendees", _MODEL, attendee_sql(), ids)

    # --------------------------------------------------------------- reading

    @api.model
    def _search_attendees(self, asked):
        criteria = asked.criteria("attendees")
        service = self._enter_to_search(asked, "attendee", criteria)
        if service is None:
            return asked.answer(attendees=[])
        domain = service._register_rows_domain(criteria)
        if uuids := digit.to_texts(criteria, "ids"):
            domain &= Domain("uuid", "in", uuids)
        for name in ("individualIds", "usernames"):
            if asked_for := digit.to_texts(criteria, name):
                people = service._people(asked_for, archived=True)
                domain &= Domain("subscriber_id", "in", list(people.values()))
        if tags := digit.to_texts(criteria, "tags"):
            domain &= Domain("tag", "in", tags)
        if since := digit.to_instant(criteria, "enrollmentDate"):
            domain &= between("enrolled_at", since, None)
        if until := digit.to_instant(criteria, "denrollmentDate"):
            domain &= between("unenrolled_at", None, until)
        return service._spool_rows(asked, "attendees", _MODEL, domain, attendee_sql())
