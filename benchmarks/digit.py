"""DIGIT's dialect: logs beside `_ingest`, and searches whose answers are long."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any
from urllib.parse import urlencode, urlsplit

from werkzeug.datastructures import MultiDict

from _suite.shell import step

from .ingest_http import Client as Tokens
from .measure import Figure, Memory, family, rounds
from .place import Place
from .records import Stage

MIN_RATIO = 1 / 3
#: MB that a worker may need beyond what it had after short answers: buffers, no rows.
MAX_GROWTH = 30
LOGS = 1_000
#: Small enough to show what a request costs in statements, whatever its size.
FEW = 10
#: Requests in a turn.
REQUESTS = 5
REGISTERS = 1_000
ATTENDEES = 500
MANY_LOGS = 100_000
TENANT = "bench"
#: Of all registers, and the first moment of the logs.
START = datetime(2026, 6, 1)
CHUNK = 2**20
CREATE = "/attendance/log/v1/_create"
SEARCH_LOGS = "/attendance/log/v1/_search"
SEARCH_REGISTERS = "/attendance/v1/_search"


def run(place: Place) -> list[Figure]:
    """Measure one client of a threaded server, and this process."""
    stage = Stage(place)
    registers = _make_registers(stage)
    return [
        *_recording(stage, Sheet(stage, *registers[0])),
        *_searching(stage, registers),
    ]


class Sheet:
    """A register, and logs of all people on it."""

    def __init__(self, stage: Stage, register_id: int, uuid: str) -> None:
        self.stage, self.id, self.uuid = stage, register_id, uuid
        with stage.place.environment() as env:
            people = env["spp.attendance.subscriber"].search(
                [("person_identifier", "like", "BENCH-")],
                order="person_identifier",
                limit=ATTENDEES,
            )
            self.people = [(person.id, person.uuid) for person in people]

    def _logs(self, count: int) -> list[tuple[int, str, datetime, str]]:
        """Of each person an ENTRY and an EXIT, a second after another."""
        found = []
        for number in range(count):
            person_id, uuid = self.people[number // 2 % ATTENDEES]
            instant = START + timedelta(days=1, seconds=number)
            found.append((person_id, uuid, instant, ("ENTRY", "EXIT")[number % 2]))
        return found

    def body(self, count: int) -> dict[str, Any]:
        """A request of DIGIT's with so many logs."""
        return {
            "RequestInfo": {"apiId": "bench"},
            "attendance": [
                {
                    "tenantId": TENANT,
                    "registerId": self.uuid,
                    "individualId": uuid,
                    "time": _milliseconds(instant),
                    "type": log_type,
                    "status": "ACTIVE",
                    "additionalDetails": {"seat": number},
                }
                for number, (_id, uuid, instant, log_type) in enumerate(
                    self._logs(count)
                )
            ],
        }

    def facts(self, count: int) -> list[dict[str, Any]]:
        """The same as `_ingest` takes them."""
        return [
            {
                "subscriber_id": person_id,
                "date_time": instant.replace(tzinfo=UTC),
                "scan_type": "in" if log_type == "ENTRY" else "out",
                "register": self.id,
                "log_type": log_type,
                "log_details": {"additionalDetails": {"seat": number}},
            }
            for number, (person_id, _uuid, instant, log_type) in enumerate(
                self._logs(count)
            )
        ]

    def ingest(self) -> int:
        """Record the logs by `_ingest`, some times over; return their number."""
        for _request in range(REQUESTS):
            self.stage.ingest(self.facts(LOGS))
        return LOGS * REQUESTS


def _recording(stage: Stage, sheet: Sheet) -> list[Figure]:
    def statements(count: int) -> int:
        stage.empty()
        return _call(stage, "_create_logs", sheet.body(count))

    statements(FEW)  # fills what Odoo caches
    few, many = statements(FEW), statements(LOGS)
    expected = (LOGS * REQUESTS, LOGS)
    with stage.place.serving(0) as server:
        client = Client(server.url, stage)
        body = json.dumps(sheet.body(LOGS))

        def post() -> int:
            for _request in range(REQUESTS):
                client.post(CREATE, body)
            return LOGS * REQUESTS

        def check(name: str) -> None:
            stored = _stored(stage.place)
            assert stored == expected, f"{name} stored {stored}"

        sides: dict[str, Callable[[], int]] = {"POST": post, "_ingest": sheet.ingest}
        for side in sides.values():  # a turn of each that doesn't count
            stage.empty()
            side()
        rates = rounds(sides, stage.place.rounds, before=stage.empty, after=check)
    return [
        Figure(
            "digit",
            f"POST log/v1/_create of {LOGS:,} logs, threaded",
            median(rates["POST"]),
            "logs/s",
            median(rates["_ingest"]),
            min_ratio=MIN_RATIO,
            details={"rounds": rates},
        ),
        Figure(
            "digit",
            f"SQL statements for {LOGS:,} logs, beside {FEW}",
            many,
            "statements",
            few,
            max_value=few,
        ),
    ]


def _searching(stage: Stage, registers: list[tuple[int, str]]) -> list[Figure]:
    place = stage.place
    stage.empty()
    few_uuid, many_uuid = registers[0][1], registers[1][1]
    with step(f"making {MANY_LOGS:,} logs"), place.connection() as connection:
        with connection.cursor() as cr:
            _make_logs(cr, registers[0][0], FEW)
            _make_logs(cr, registers[1][0], MANY_LOGS)
        connection.commit()
    place.databases.query("VACUUM ANALYZE", place.database)
    asked = {
        "logs": (
            SEARCH_LOGS,
            "_search_logs",
            "attendance",
            {"tenantId": TENANT, "registerId": few_uuid},
            {"tenantId": TENANT, "registerId": many_uuid},
            MANY_LOGS,
            "logs of a register",
        ),
        "registers": (
            SEARCH_REGISTERS,
            "_search_registers",
            "attendanceRegister",
            {"tenantId": TENANT, "limit": str(FEW)},
            {"tenantId": TENANT, "limit": str(REGISTERS)},
            REGISTERS,
            f"registers with {ATTENDEES} attendees each",
        ),
    }
    figures = []
    with place.serving(0) as server:
        client = Client(server.url, stage)
        for path, method, _name, small, large, total, what in asked.values():
            _call(stage, method, {"RequestInfo": {}}, small)  # fills what Odoo caches
            few = _call(stage, method, {"RequestInfo": {}}, small)
            many = _call(stage, method, {"RequestInfo": {}}, large)
            body = json.dumps({"RequestInfo": {}})
            for _number in range(5):
                client.post(f"{path}?{urlencode(small)}", body)
            memory = Memory(family(server.pids[0]))
            target = f"{path}?{urlencode(large)}"
            sizes: list[int] = []

            def search(target: str = target, total: int = total) -> int:
                sizes.append(client.post(target, body))  # noqa: B023 - called at once
                return total

            rates = rounds(
                {"search": search},
                place.rounds,
                before=lambda: None,
                after=lambda _name: None,
            )
            figures += [
                Figure(
                    "digit",
                    f"_search of {total:,} {what}, threaded",
                    median(rates["search"]),
                    "items/s",
                    details={"rounds": rates, "bytes": sizes},
                ),
                Figure(
                    "digit",
                    f"growth of a worker's memory meanwhile, {what}",
                    memory.growth(),
                    "MB",
                    max_value=MAX_GROWTH,
                ),
                Figure(
                    "digit",
                    f"SQL statements of that; {what}, beside few",
                    many,
                    "statements",
                    few,
                    max_value=few,
                ),
            ]
    return figures


class Client:
    """An app with one connection, which it keeps, and a token that it got before."""

    def __init__(self, url: str, stage: Stage) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=600)
        bearer = Tokens(url, stage).bearer()
        self._headers = {"Authorization": bearer, "Content-Type": "application/json"}

    def post(self, path: str, body: str) -> int:
        """Ask; return how many bytes were answered.

        :raises AssertionError: it is no success, or shorter than it says
        """
        self._connection.request("POST", path, body, self._headers)
        response = self._connection.getresponse()
        assert response.status == http.client.OK, response.read(500)
        said = int(response.getheader("Content-Length", ""))
        size = 0
        while chunk := response.read(CHUNK):
            size += len(chunk)
        assert size == said, f"{said - size} bytes are missing"
        return size


def _call(
    stage: Stage, method: str, body: Any, params: dict[str, str] | None = None
) -> int:
    """Do a request in this process, its answer read to the end.

    :return: the number of statements
    """
    from odoo.addons.spp_attendance.api import digit

    with stage.place.environment(stage.user_id, **stage.context) as env:
        service = env["spp.attendance.digit"]
        asked = digit.read_request(
            json.dumps(body).encode(), MultiDict(params or {}), False
        )
        before = env.cr.sql_log_count
        answer = getattr(service, method)(asked)
        statements = env.cr.sql_log_count - before
        if hasattr(answer, "close"):
            answer.close()
    return statements


def _milliseconds(instant: datetime) -> int:
    return round(instant.replace(tzinfo=UTC).timestamp() * 1000)


def _make_registers(stage: Stage) -> list[tuple[int, str]]:
    """Registers with the app on their staff and people on them; ids and UUIDs."""
    place = stage.place
    what = f"making {REGISTERS:,} registers with {ATTENDEES} attendees each"
    with step(what):
        with place.environment() as env:
            env.company.attendance_tenant_code = TENANT
            registers = env["spp.attendance.register"].create(
                [
                    {
                        "name": f"Register {number}",
                        "reference": f"CONTRACT-{number}",
                        "service_code": "WORKS-CONTRACT",
                        "start_at": START,
                        "staff_ids": [
                            (0, 0, {"user_id": stage.user_id, "enrolled_at": START})
                        ],
                    }
                    for number in range(REGISTERS)
                ]
            )
            found = [(register.id, register.uuid) for register in registers]
        with place.connection() as connection, connection.cursor() as cr:
            cr.execute(
                """
                WITH person AS (
                    SELECT id FROM spp_attendance_subscriber
                     WHERE person_identifier LIKE 'BENCH-%%'
                  ORDER BY person_identifier LIMIT %s),
                attendee AS (
                    INSERT INTO spp_attendance_register_attendee (
                        register_id, company_id, subscriber_id, uuid, tag, enrolled_at,
                        additional_details, create_date, write_date)
                    SELECT r.id, r.company_id, person.id, gen_random_uuid()::text,
                           'team ' || person.id %% 7, r.start_at,
                           '{"ward": "7"}', now(), now()
                      FROM spp_attendance_register r, person
                 RETURNING id, company_id, enrolled_at)
                INSERT INTO spp_attendance_register_interval (
                    attendee_id, company_id, start_at, create_date, write_date)
                SELECT id, company_id, enrolled_at, now(), now() FROM attendee
                """,
                [ATTENDEES],
            )
            connection.commit()
    place.databases.query("VACUUM ANALYZE", place.database)
    return found


def _make_logs(cr: Any, register_id: int, count: int) -> None:
    cr.execute(
        """
        WITH people AS (
            SELECT array_agg(a.subscriber_id) AS ids, min(a.company_id) AS company_id
              FROM spp_attendance_register_attendee a WHERE a.register_id = %(id)s)
        INSERT INTO spp_attendance_record (
            subscriber_id, company_id, register_id, date_time, local_date, local_time,
            tz, category, scan_type, direction, source, active, log_type, log_details,
            create_date, write_date)
        SELECT ids[1 + n %% cardinality(ids)], company_id, %(id)s, t, t::date,
               to_char(t, 'HH24:MI:SS'), 'UTC', 'present', 'in', 'in', 'api', TRUE,
               'ENTRY', '{"additionalDetails": {"seat": 7}}', now(),
               now() + n * interval '1 ms'
          FROM people, generate_series(0, %(count)s - 1) n,
               LATERAL (SELECT %(start)s + n * interval '17 seconds' AS t) at
        """,
        {"id": register_id, "count": count, "start": START},
    )


def _stored(place: Place) -> tuple[int, int]:
    """How many logs there are, and of how many moments and people."""
    answer = place.databases.query(
        "SELECT count(*) || ' ' || count(DISTINCT (subscriber_id, date_time, log_type,"
        " direction, register_id, log_details->'additionalDetails'->'seat'))"
        " FROM spp_attendance_record",
        place.database,
    )
    count, kinds = map(int, answer.split())
    return count, kinds
