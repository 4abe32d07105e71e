from datetime import UTC, datetime

from psycopg2.errors import UniqueViolation

from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL

from ..acting import acting
from ..api import digit, digit_log
from ..digit_rows import between, ms_sql
from ..engine.log_ids import record_id, record_id_in, to_uuid
from ..engine.register_rules import within
from ..registers import RegisterRefused

_LAST_ID = 2**31 - 1


class SppAttendanceDigit(models.AbstractModel):
    """Logs: a register's records, as apps written for DIGIT send and read them.

    That a register may be marked is for ``_ingest`` and ``_write_each`` to say. What is
    asked here before is what DIGIT asks before, and in its words.
    """

    _inherit = "spp.attendance.digit"

    # ------------------------------------------------------------- at once

    @api.model
    def _create_logs(self, asked):
        return self._record_request("create", asked)

    @api.model
    def _update_logs(self, asked):
        return self._record_request("update", asked)

    def _record_request(self, kind, asked):
        """Record all logs of a request, or refuse it."""
        asked.info.check()
        logs = digit_log.read_logs(asked.items("attendance"))
        service = self._enter_any(asked.info, logs[0].tenant)
        problems, ids = service._record_logs(kind, logs)
        if problem := digit_log.first(problems):
            raise digit.refuse(*problem)
        told = service._read_logs(ids)
        return service._done(asked, attendance=[told[number] for number in ids])

    # -------------------------------------------------------------- in bulk

    @api.model
    def _queue_logs(self, kind, asked):
        """Keep logs to be recorded soon, each for itself and as it may be."""
        asked.info.check()
        items = asked.items("attendance")
        if items:
            service = self._enter_any(asked.info, (items[0] or {}).get("tenantId"))
            companies = {code: number for number, code in service._codes().items()}
            service.env["spp.attendance.log.queue"]._enqueue(kind, items, companies)
        return digit.Answer(asked.info.out(), 202)

    @api.model
    def _take_logs(self, kind, items, origin):
        """Record logs that waited, each for itself.

        :param str kind: of the queue
        :param list items: what was sent, of whatever shape
        :param str origin: whose client references these are
        :return: for each, code and message of why it can't be recorded, or None
        """
        problems, logs = [], {}
        for index, item in enumerate(items):
            missing = digit_log.missing(item)
            try:
                logs[index] = None if missing else digit_log.read_log(item)
                problems.append(missing[0] if missing else None)
            except digit.Refusal as refusal:
                fault = refusal.faults[0]
                problems.append((fault.code, fault.message))
        readable = {index: log for index, log in logs.items() if log}
        found, _ids = self._record_logs(kind, list(readable.values()), origin)
        for index, problem in zip(readable, found, strict=True):
            problems[index] = problem
        return problems

    # ------------------------------------------------------------ recording

    def _enter_any(self, info, tenant):
        """This service in all companies that have a tenant's code.

        Whether a log's tenant is that of its register comes late among the rules.

        :raises digit.Refusal: when there are none
        """
        service = self._enter(info, "", prefix=True)
        if service is None:
            raise digit.refuse(
                "INVALID_TENANT", f"The tenant: {tenant} is not present in MDMS"
            )
        return service

    def _record_logs(self, kind, logs, origin=None):
        """Record what can be.

        :param list logs: of one company: a request is about one register, and what
            waits in the queue is taken company by company
        :return: for each log why it can't be recorded, or None; and its record's id
        """
        registers = self._log_registers({log.register for log in logs})
        [company] = {one.company_id for one in registers.values()} or {self.env.company}
        service = self.with_company(company)
        staffed = service._staffed(registers)
        codes = service._codes()
        records = service._log_records(logs, registers) if kind == "update" else {}
        problems, ids = [], [None] * len(logs)
        passed = {}
        for index, log in enumerate(logs):
            register = registers.get(log.register)
            problem = self._staff_problem(log, register, staffed)
            if not problem and kind == "update":
                record = records.get(index)
                if record:
                    ids[index] = record.id
                else:
                    problem = digit_log.unknown_log(log.id, log.register)
            is_cancelled = kind == "update" and log.status == digit.INACTIVE
            problem = problem or self._log_problem(log, register, codes, is_cancelled)
            problems.append(problem)
            if not problem:
                passed[index] = log
        if kind == "create":
            found = service._ingest_logs(passed, registers, origin)
            for index, (problem, number) in found.items():
                problems[index], ids[index] = problem, number
        else:
            changes = {records[index]: log for index, log in passed.items()}
            found = service._change_logs(changes)
            for index in passed:
                problems[index] = found.get(ids[index])
        return problems, ids

    def _codes(self):
        """Codes of these companies, as tenants, by id."""
        companies_sudo = self.env.companies.sudo()  # whoever works there knows it
        return {one.id: one.attendance_tenant_code for one in companies_sudo}

    def _log_registers(self, uuids):
        """Registers by UUID, also those that are over and deleted."""
        found = (
            self.env["spp.attendance.register"]
            .with_context(active_test=False)
            .search_fetch(
                [
                    ("uuid", "in", list(uuids)),
                    ("company_id", "in", self.env.companies.ids),
                ],
                ["uuid", "company_id", "active", "is_deleted", "start_at", "end_at"],
            )
        )
        return {register.uuid: register for register in found}

    def _staffed(self, registers):
        """Ids of those on whose staff the one who acts is now, whatever his roles."""
        model = self.env["spp.attendance.register"]
        ids = [register.id for register in registers.values()]
        rows = self.env.execute_query(
            SQL("%s AND register_id = ANY(%s)", model._mine_sql(), ids)
        )
        return {register_id for (register_id,) in rows}

    def _staff_problem(self, log, register, staffed):
        # Who is not on its staff isn't told whether there is such a register.
        if not register or register.id not in staffed:
            return digit_log.not_staff(self._own_uuid(), log.register)
        return None

    @api.model
    def _log_problem(self, log, register, codes, is_cancelled):
        if register.is_deleted:
            return digit_log.unknown_register(log.register)
        if not register.active:
            return digit_log.inactive_register(log.register)
        if codes.get(register.company_id.id) != log.tenant:
            return digit_log.other_tenant(log.tenant, log.register)
        instant = log.instant
        # What should not be there may be cancelled.
        start, end = register.start_at, register.end_at or None
        if not instant or not (is_cancelled or within(instant, start, end)):
            return digit_log.outside(log.time, log.register)
        return None

    def _ingest_logs(self, logs, registers, origin):
        """Record new logs.

        A client reference that was used before is answered with its first log, where
        person, instant and type are the same; other details of it are left alone, as
        they are when a request that got no answer is sent again.

        :param dict logs: by index
        :return: by index, why it can't be recorded, or None; and its record's id
        """
        people = self._people({log.individual for log in logs.values()})
        found, facts = {}, {}
        for index, log in logs.items():
            person_id = people.get(log.individual)
            if person_id:
                facts[index] = {
                    "subscriber_id": person_id,
                    "date_time": digit_log.aware(log.instant),
                    "category": digit_log.category(log.type),
                    "scan_type": digit_log.scan_type(log.type),
                    "register": registers[log.register].id,
                    "log_type": log.type,
                    "log_details": self._new_details(log),
                    "external_id": log.client_reference,
                }
            else:
                found[index] = (digit_log.not_enrolled(log.register), None)
        model = self.env["spp.attendance.record"]
        outcomes = model._ingest(list(facts.values()), origin=origin)
        void = []
        for index, outcome in zip(facts, outcomes, strict=True):
            log = logs[index]
            problem = None
            if outcome.status == "rejected":
                problem = self._rejection(log, outcome.code, outcome.reason)
            elif outcome.status == "created" and log.status == digit.INACTIVE:
                void.append(outcome.id)
            found[index] = (problem, outcome.id)
        if void:
            model.browse(void)._void(self._void_reason())
        return found

    def _rejection(self, log, code, reason):
        """Why a log can't be recorded, in DIGIT's words.

        :param str code: of an outcome of ``_ingest``, or of a register's rules
        """
        register = log.register
        match code:
            case "unknown_register" | "not_register_staff" | "forbidden":
                return digit_log.not_staff(self._own_uuid(), register)
            case "register_inactive":
                return digit_log.inactive_register(register)
            case "outside_register":
                return digit_log.outside(log.time, register)
            case "not_enrolled" | "unknown_person":
                return digit_log.not_enrolled(register)
            case "not_enrolled_then":
                return digit_log.not_enrolled_then(register)
            case "external_id_conflict":
                return digit_log.other_content(log.client_reference)
        return (digit_log.NOTHING[0], reason)

    def _void_reason(self):
        return self.env._("Cancelled by the app that sent it.")

    # ------------------------------------------------------------- changing

    def _log_records(self, logs, registers):
        """The records that logs are about, by index.

        An id is that of a log in one register, about one person.
        """
        numbers = {
            index: record_id_in(log.register, log.id)
            for index, log in enumerate(logs)
            if log.id and log.register in registers
        }
        wanted = {number for number in numbers.values() if number}
        people = self._people({log.individual for log in logs}, archived=True)
        found = {
            record.id: record
            for record in self.env["spp.attendance.record"]
            .with_context(active_test=False)
            .search([("id", "in", [n for n in wanted if n <= _LAST_ID])])
        }
        return {
            index: found[number]
            for index, number in numbers.items()
            if number in found
            and found[number].register_id == registers[logs[index].register]
            and found[number].subscriber_id.id == people.get(logs[index].individual)
        }

    def _change_logs(self, changes):
        """Correct or cancel logs.

        :param dict changes: log by record
        :return: why one can't be changed so, by the id of its record
        """
        vals = {
            record: self._changed_vals(record, log) for record, log in changes.items()
        }
        logs = {record.id: log for record, log in changes.items()}
        found = {}
        for number, (code, reason) in self._write_logs(vals).items():
            found[number] = self._rejection(logs[number], code, reason)
        return found

    def _write_logs(self, vals):
        """Write what can be; of all others code and reason, by id."""
        if not vals:
            return {}
        model = self.env["spp.attendance.record"]
        try:
            with self.env.cr.savepoint():
                model._write_each(vals)
        except RegisterRefused as refused:
            refusals = refused.refusals
            rest = {r: values for r, values in vals.items() if r.id not in refusals}
            return {**refusals, **self._write_logs(rest)}
        except UniqueViolation:
            if len(vals) == 1:
                [record] = vals
                reason = self.env._("This person has such a record already.")
                return {record.id: ("conflict", reason)}
            found = {}
            for record, values in vals.items():
                found.update(self._write_logs({record: values}))
            return found
        return {}

    def _changed_vals(self, record, log):
        vals = {"log_details": self._changed_details(record, log)}
        if record.date_time != log.instant:
            vals["date_time"] = log.instant
        shown = digit_log.type_of(record.log_type, record.direction, record.category)
        if shown != log.type:
            vals["log_type"] = log.type
            vals["scan_type"] = digit_log.scan_type(log.type)
            vals["category"] = digit_log.category(log.type)
        if log.status == digit.INACTIVE and record.active:
            vals.update(active=False, void_reason=self._void_reason())
        elif log.status == digit.ACTIVE and not record.active:
            vals["active"] = True
        return vals

    def _new_details(self, log):
        details = {
            "additionalDetails": log.additional_details,
            "documentIds": digit_log.with_ids(log.documents or ()),
            "clientAuditDetails": log.client_audit,
            **self._changed_by(),
        }
        if actor := acting(self.env):
            details["createdBy"] = actor.uuid
        return details

    def _changed_details(self, record, log):
        known = record.log_details or {}
        details = {**known, "additionalDetails": log.additional_details}
        if log.documents is not None:
            documents = known.get("documentIds") or ()
            details["documentIds"] = digit_log.with_ids(log.documents, documents)
        if log.client_audit is not None:
            audit = known.get("clientAuditDetails")
            details["clientAuditDetails"] = digit_log.changed_audit(
                audit, log.client_audit
            )
        return {**details, **self._changed_by()}

    def _changed_by(self):
        """For whom a gateway speaks; everybody else is known as who wrote it."""
        actor = acting(self.env)
        if not actor:
            return {}
        return {"modifiedBy": {"user": self.env.uid, "uuid": actor.uuid}}

    # -------------------------------------------------------------- reading

    @api.model
    def _search_logs(self, asked):
        search = digit_log.read_search(asked)
        service = self._enter_any(asked.info, search.tenant)
        domain = service._log_domain(search)
        digit_log.check_times(search)
        statement = service._logs_sql(domain, search)
        return service._spooled(asked, "attendance", statement, self._told)

    @staticmethod
    def _told(row):
        return digit_log.log_out(digit_log.Row(*row))

    def _log_domain(self, search):
        """Domain of the logs that are asked for, but for the times.

        :raises digit.Refusal: when who acts may not ask for them
        """
        codes = self._codes()
        company = self.env.companies.filtered(lambda c: codes[c.id] == search.tenant)
        domain = Domain("company_id", "in", company.ids)
        if search.register:
            domain &= self._register_domain(search, codes)
        else:
            domain &= Domain("register_id.is_mine", "=", True)
        if search.client_references:
            # Of logs alone: what else is sent with an id of its sender's is none.
            domain &= Domain("log_type", "!=", False)
            domain &= Domain("external_id", "in", search.client_references)
        if search.individuals:
            service = self.with_company(company)
            people = service._people(search.individuals, archived=True)
            domain &= Domain("subscriber_id", "in", list(people.values()))
        if search.ids:
            domain &= Domain("id", "in", self._found_ids(search))
        if search.status:
            is_known = search.status in (digit.ACTIVE, digit.INACTIVE)
            is_active = Domain("active", "=", search.status == digit.ACTIVE)
            domain &= is_active if is_known else Domain.FALSE
        if search.limit == 0:
            domain = Domain.FALSE
        if search.start:
            end = search.end or datetime.now(UTC).replace(tzinfo=None)
            domain &= between("date_time", search.start, end)
        return domain

    def _register_domain(self, search, codes):
        registers = self._log_registers([search.register])
        register = registers.get(search.register)
        if not register and self._is_out_of_sight(search.register):
            raise digit.refuse(*digit_log.not_staff(self._own_uuid(), search.register))
        if not register or register.is_deleted:
            raise digit.refuse("INVALID_REGISTERID", "Register Not found ")
        if codes.get(register.company_id.id) != search.tenant:
            problem = digit_log.other_tenant(search.tenant, search.register)
            raise digit.refuse(*problem)
        staffed = self._staffed(registers)
        if problem := self._staff_problem(search, register, staffed):
            raise digit.refuse(*problem)
        return Domain("register_id", "=", register.id)

    def _is_out_of_sight(self, register_uuid):
        """Whether there is such a register, which who acts may not see.

        That there is one is all that is told, as by DIGIT.
        """
        registers_sudo = self.env["spp.attendance.register"].sudo()
        return bool(
            registers_sudo.with_context(active_test=False).search_count(
                [
                    ("uuid", "=", register_uuid),
                    ("company_id", "in", self.env.companies.ids),
                    ("is_deleted", "=", False),
                ],
                limit=1,
            )
        )

    def _found_ids(self, search):
        """Ids of records behind ids of logs, of whatever register these are."""
        wanted = {text.lower() for text in search.ids}
        numbers = set(map(record_id, wanted))
        known = [number for number in numbers if number and number <= _LAST_ID]
        found = (
            self.env["spp.attendance.record"]
            .with_context(active_test=False)
            .search_fetch(
                [("id", "in", known), ("register_id", "!=", False)],
                ["register_id"],
            )
        )
        return [
            record.id
            for record in found
            if to_uuid(record.register_id.uuid, record.id) in wanted
        ]

    def _read_logs(self, ids):
        """Logs as they are told, by the ids of their records."""
        statement = self._logs_sql(Domain("id", "in", list(set(ids))))
        rows = self.env.execute_query(statement)
        return {row[0]: self._told(row) for (row,) in rows}

    def _logs_sql(self, domain, search=None):
        """SELECT of JSON arrays, of which `digit_log.Row` is made."""
        model = self.env["spp.attendance.record"].with_context(active_test=False)
        query = model._search(domain)
        table = SQL.identifier(query.table)
        direction = SQL("DESC") if not search or search.descending else SQL("ASC")
        query.order = SQL(
            "%(r)s.write_date %(way)s, %(r)s.id %(way)s", r=table, way=direction
        )
        if search:
            query.limit, query.offset = search.limit, search.offset
        return SQL(
            """
            SELECT json_build_array(
                   r.id, register.uuid, person.uuid, c.attendance_tenant_code,
                   %(time)s, r.log_type, r.direction, r.category, r.active,
                   CASE WHEN r.log_type IS NOT NULL THEN r.external_id END,
                   r.log_details, %(created)s, %(written)s,
                   creator.attendance_uuid, writer.attendance_uuid, r.write_uid)
              FROM (%(found)s) r
              JOIN spp_attendance_register register ON register.id = r.register_id
              JOIN spp_attendance_subscriber person ON person.id = r.subscriber_id
              JOIN res_company c ON c.id = r.company_id
         LEFT JOIN res_users creator ON creator.id = r.create_uid
         LEFT JOIN res_users writer ON writer.id = r.write_uid
          ORDER BY r.write_date %(way)s, r.id %(way)s
            """,
            time=ms_sql("r", "date_time"),
            created=ms_sql("r", "create_date"),
            written=ms_sql("r", "write_date"),
            found=query.select(*(SQL.identifier(query.table, n) for n in _COLUMNS)),
            way=direction,
        )


#: Of a record, for `_logs_sql`.
_COLUMNS = (
    "id",
    "register_id",
    "subscriber_id",
    "company_id",
    "date_time",
    "log_type",
    "direction",
    "category",
    "active",
    "external_id",
    "log_details",
    "create_date",
    "write_date",
    "create_uid",
    "write_uid",
)
