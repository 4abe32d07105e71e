import json

from psycopg2.errors import UniqueViolation

from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL

from ..api import MAX_BATCH, openspp
from ..dialects import Spooled
from ..references import BatchRefused

_TYPE = ("spp.attendance.type", "Attendance Type")
_LOCATION = ("spp.attendance.location", "Attendance Location")
#: Rows that a cursor of the database brings at a time.
_FETCHED = 2_000


class SppAttendanceOpenspp(models.AbstractModel):
    """Attendance as apps written for OpenSPP read and write it.

    A request is done in full or not at all. All rules are those of the models: what is
    here finds words for them, in a number of statements that doesn't depend on how much
    is asked. Each method is given what the apps send and returns what they are told.

    :raises openspp.Refusal: from every method, with the sentence that they expect
    """

    _name = "spp.attendance.openspp"
    _description = "Attendance in OpenSPP's Dialect"

    # --------------------------------------------------------------- writing

    @api.model
    def _create_attendances(self, query, data):
        submission = openspp.read_submission(data)
        records = [openspp.read_person(record) for record in submission.records]
        people = self._people(person_id for person_id, _cards in records)
        facts = []
        for person_id, cards in records:
            if person_id not in people:
                raise openspp.Refusal(openspp.UNKNOWN_PERSON)
            person = {"subscriber_id": people[person_id].id}
            facts += (
                {**person, **openspp.read_card(card), **submission.origin}
                for card in cards
            )
        skips = openspp.is_true(query.get("ignore_unique"))
        for start in range(0, len(facts), MAX_BATCH):
            outcomes = self._ingest(facts[start : start + MAX_BATCH])
            if not skips and any(outcome.status == "duplicate" for outcome in outcomes):
                raise openspp.Refusal(openspp.DUPLICATE)
        return {
            "message": "Attendance list created successfully.",
            "person_ids": list(dict.fromkeys(person_id for person_id, _ in records)),
        }

    def _ingest(self, facts):
        """What became of facts, all of which are recorded or were so before."""
        model = self.env["spp.attendance.record"]
        try:
            return model._ingest(facts, atomic=True)
        except BatchRefused as refused:
            rejected = next(o for o in refused.outcomes if o.status == "rejected")
        if rejected.code == "unknown_type":
            raise self._unknown(_TYPE)
        if rejected.code == "unknown_location":
            raise self._unknown(_LOCATION)
        if rejected.code == "unknown_person":
            raise openspp.Refusal(openspp.UNKNOWN_PERSON)
        raise openspp.Refusal(rejected.reason)

    @api.model
    def _update_attendances(self, data):
        submission = openspp.read_submission(data)
        updates = [openspp.read_update(record) for record in submission.records]
        model = self.env["spp.attendance.record"]
        ids = list({number for number, _card in updates})
        records = {record.id: record for record in model.search([("id", "in", ids)])}
        changes = {}
        for number, card in updates:
            if number not in records:
                raise openspp.unknown_record(number)
            if values := openspp.card_changes(card):
                changes.setdefault(records[number], {}).update(values)
        for key, kind in (("type", _TYPE), ("location", _LOCATION)):
            chosen = {
                values[key]
                for record, values in changes.items()
                # what it has may have been archived since
                if key in values and values[key] != record[f"{key}_id"].id
            }
            self._check_references(kind, chosen)
        vals = {
            record: {**self._record_vals(record, values), **submission.origin}
            for record, values in changes.items()
        }
        try:
            model._write_each(vals)
        except UniqueViolation:
            raise openspp.Refusal(openspp.DUPLICATE) from None
        return {"message": "Attendance list updated successfully."}

    @staticmethod
    def _record_vals(record, values):
        """Values of a record from those of a fact."""
        names = {"type": "type_id", "location": "location_id"}
        vals = {names.get(name, name): value for name, value in values.items()}
        local = vals.pop("date_time", None)
        if local:
            vals["local_date"] = local.date()
            vals["local_time"] = local.time().isoformat()
        elif "location" in values and openspp.parse_date_time(record.local_time_raw):
            # Whoever knows of no zones sent a time on the wall, wherever that was.
            vals["local_time_raw"] = record.local_time_raw
            vals["local_date"], vals["local_time"] = openspp.as_it_came(
                record.local_date, record.local_time, record.local_time_raw, record.tz
            )
        return {name: value or False for name, value in vals.items()}

    @api.model
    def _delete_attendances(self, query):
        ids = openspp.read_ids(query.getlist("ids"))
        records = self.env["spp.attendance.record"].search([("id", "in", ids)])
        if not records:
            raise openspp.Refusal(openspp.NOTHING_TO_DELETE)
        records._void(
            self.env._("Deleted by %(user)s, through the API.", user=self.env.user.name)
        )
        return {"message": "Attendance list deleted successfully."}

    # --------------------------------------------------------------- reading

    @api.model
    def _read_attendance(self, person_id, query):
        person = self._person(person_id)
        paging = openspp.read_paging(query, by_id=False)
        found = self._find_records(query, Domain("subscriber_id", "=", person.id))
        [[total, days]] = self.env.execute_query(
            SQL(
                "SELECT count(*), array_agg(DISTINCT local_date)"
                " FILTER (WHERE category = 'present') FROM (%s) r",
                found,
            )
        )
        rows = self.env.execute_query(
            SQL(
                "%s LIMIT %s OFFSET %s",
                self._rows_sql(SQL("(%s) r", found)),
                paging.at_most,
                paging.offset,
            )
        )
        records = [openspp.record_out(openspp.Row(*row)) for _, _, *row in rows]
        return {
            **openspp.person_out(
                person_id, (day.isoformat() for day in days or ()), records
            ),
            "pagination": paging.described(total),
        }

    @api.model
    def _list_attendances(self, query, data):
        asked = openspp.read_person_ids(data, query.getlist("person_ids"))
        # Somebody who is asked for by a former identifier is told of by that one.
        names = {}
        domain = Domain.TRUE
        if asked:
            people = self._people(asked)
            names = {
                people[name].id: name for name in reversed(asked) if name in people
            }
            names |= {
                p.id: name for name, p in people.items() if self._is_live(p, name)
            }
            domain = Domain("id", "in", list(names))
        paging = openspp.read_paging(query, by_id=True)
        found = self._find_records(query)
        people, pagination = self._page(domain, paging)
        rows = self._streamed(
            self._rows_sql(
                SQL("(%s) p LEFT JOIN (%s) r ON r.subscriber_id = p.id", people, found),
                SQL("p.id, p.person_identifier"),
            )
        )
        return self._spooled(self._grouped(rows, names), pagination)

    @staticmethod
    def _is_live(person, identifier):
        return person.person_identifier == identifier

    @staticmethod
    def _grouped(rows, names):
        """Rows, a person's after another's, as an object each."""
        person_id = identifier = None
        days, records = [], []
        for number, live, *row in rows:
            if number != person_id:
                if person_id:
                    yield openspp.person_out(identifier, days, records)
                person_id, identifier = number, names.get(number, live)
                days, records = [], []
            if row[0]:
                record = openspp.record_out(openspp.Row(*row))
                records.append(record)
                if record["attendance_category"] == "present":
                    days.append(record["date"])
        if person_id:
            yield openspp.person_out(identifier, days, records)

    @api.model
    def _list_types(self):
        return self._list_references(_TYPE)

    @api.model
    def _list_locations(self):
        return self._list_references(_LOCATION)

    def _list_references(self, kind):
        found = self._references(kind, ["name", "description"])
        return {
            "records": [
                openspp.reference_out(target.id, target.name, target.description)
                for target in found
            ]
        }

    @api.model
    def _list_subscribers(self, query):
        paging = openspp.read_paging(query, by_id=True)
        people, pagination = self._page(Domain.TRUE, paging, self._SUBSCRIBER_FIELDS)
        rows = self._streamed(people)
        return self._spooled(
            (openspp.subscriber_out(*row) for _, *row in rows), pagination
        )

    @api.model
    def _read_subscriber(self, person_id):
        person = self._person(person_id)
        person.fetch(self._SUBSCRIBER_FIELDS)
        return openspp.subscriber_out(
            *(person[name] for name in self._SUBSCRIBER_FIELDS)
        )

    # --------------------------------------------------------------- finding

    #: As the arguments of `openspp.subscriber_out`.
    _SUBSCRIBER_FIELDS = (
        "person_identifier",
        "name",
        "family_name",
        "given_name",
        "additional_name",
        "email",
        "phone",
        "mobile",
    )

    def _people(self, identifiers):
        """People by the identifiers that are known; no database can hold a NUL."""
        return self.env["spp.attendance.subscriber"]._by_identifier(
            {text for text in identifiers if "\0" not in text}
        )

    def _person(self, person_id):
        person = self._people([person_id]).get(person_id)
        if not person:
            raise openspp.Refusal(f"PersonID {person_id} does not exist.")
        return person

    def _references(self, kind, field_names):
        """All types or locations that can be chosen now."""
        domain = Domain("company_id", "in", [self.env.company.id, False])
        return self.env[kind[0]].search_fetch(domain, field_names, order="name, id")

    def _check_references(self, kind, numbers):
        """Refuse ids of types or locations that can't be chosen."""
        numbers.discard(None)
        known = numbers and self.env[kind[0]].search(
            Domain("company_id", "in", [self.env.company.id, False])
            & Domain("id", "in", list(numbers))
        )
        if len(known) < len(numbers):
            raise self._unknown(kind)

    def _unknown(self, kind):
        found = self._references(kind, ["name"])
        return openspp.unknown_reference(
            kind[1], [(target.id, target.name) for target in found]
        )

    def _find_records(self, query, domain=Domain.TRUE):
        """SQL of the records that a query string asks for, as the user may see them.

        :raises openspp.Refusal: on a filter that makes no sense
        """
        if dates := openspp.read_dates(query):
            domain &= Domain("local_date", ">=", dates[0])
            domain &= Domain("local_date", "<=", dates[1])
        for name, field_name, kind in (
            ("attendance_type", "type_id", _TYPE),
            ("attendance_location", "location_id", _LOCATION),
        ):
            number = openspp.reference(query.get(name), kind[1])
            if number is not None:
                # What is over and archived by now can still be asked for.
                self.with_context(active_test=False)._check_references(kind, {number})
                domain &= Domain(field_name, "=", number)
        model = self.env["spp.attendance.record"]
        found = model._search(domain)
        columns = (
            "id",
            "subscriber_id",
            *self._RECORD_COLUMNS,
            "type_id",
            "location_id",
        )
        return found.select(
            *(
                SQL(
                    "%s AS %s",
                    model._field_to_sql(found.table, name, found),
                    SQL.identifier(name),
                )
                for name in columns
            )
        )

    #: Those of `openspp.Row` that are a record's own and not its type's or location's.
    _RECORD_COLUMNS = (
        "local_date",
        "local_time",
        "local_time_raw",
        "tz",
        "category",
        "description",
        "url",
        "submitted_by",
        "submitted_datetime",
        "submission_source",
    )

    def _rows_sql(self, source, person=None):
        """SQL of people's records with what the dialect tells of them, in its order.

        :param SQL source: of which ``r`` is what `_find_records` returns
        :param SQL person: the person's id and identifier, by which it is sorted first
        :return: statement whose columns are those two and the fields of `openspp.Row`
        """
        columns = []
        for name in openspp.Row._fields:
            relation, _, column = name.partition("_")
            if relation in ("type", "location") and column != "id":
                target = self.env[f"spp.attendance.{relation}"]
                columns.append(target._field_to_sql(relation, column))
            else:
                columns.append(SQL.identifier("r", name))
        return SQL(
            """
            SELECT %(person)s, %(columns)s
              FROM %(source)s
         LEFT JOIN spp_attendance_type "type" ON "type".id = r.type_id
         LEFT JOIN spp_attendance_location location ON location.id = r.location_id
          ORDER BY 1, r.local_date DESC, r.local_time DESC, r.id DESC
            """,
            person=person or SQL("NULL, NULL"),
            columns=SQL(", ").join(columns),
            source=source,
        )

    def _page(self, domain, paging, field_names=("person_identifier",)):
        """One page of people, in the order of their ids.

        :return: SQL of their id and other columns, and what the answer says of the page
        """
        model = self.env["spp.attendance.subscriber"]
        domain &= Domain("company_id", "=", self.env.company.id)
        if paging.last_id is not None:
            domain &= Domain("id", ">", paging.last_id)
        total = model.search_count(domain)
        found = model._search(
            domain, offset=paging.offset, limit=paging.at_most, order="id"
        )
        columns = [
            SQL(
                "%s AS %s",
                model._field_to_sql(found.table, name, found),
                SQL.identifier(name),
            )
            for name in ("id", *field_names)
        ]
        people = found.select(*columns)
        [[last_id]] = self.env.execute_query(SQL("SELECT max(id) FROM (%s) p", people))
        return people, paging.described(total, last_id=last_id)

    # --------------------------------------------------------------- sending

    def _streamed(self, statement):
        """Rows of a statement, of which only some are in memory at a time."""
        cr = self.env.cr
        cr.execute(
            SQL("DECLARE spp_attendance_openspp NO SCROLL CURSOR FOR %s", statement)
        )
        while rows := self.env.execute_query(
            SQL("FETCH %s FROM spp_attendance_openspp", _FETCHED)
        ):
            yield from rows
        cr.execute("CLOSE spp_attendance_openspp")

    @staticmethod
    def _spooled(records, pagination):
        """A list and its pagination as JSON, written as it is read."""

        def pieces():
            glue = '{"records": ['
            for record in records:
                yield glue
                yield json.dumps(record, ensure_ascii=False)
                glue = ", "
            if glue != ", ":
                yield glue
            yield f'], "pagination": {json.dumps(pagination)}}}'

        return Spooled(pieces())
