"""An import of 50,000 people from a registry beside as many plain contacts.

The registry is that of the tests, in a process of its own on loopback; the import is
done by the worker that does all imports, in this process.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from statistics import median

from _suite.paths import ROOT

from .measure import Figure, Memory, rounds
from .place import Place

MIN_RATIO = 0.45
PEOPLE = 50_000
#: Beside which memory and statements must not have grown.
FEW = 10_000
#: Rows in one transaction, of either side.
BATCH = 1_000
#: MB by which the peak may be higher: what the allocator keeps in pieces.
MAX_GROWTH = 30
GROUPS = ("base.group_user", "spp_attendance.spp_attendance_group_manager")
SERVER = ROOT / "tests" / "registry_server.py"
FIELDS = {
    "person_identifier": "identifier[name=NATIONAL_ID].identifier",
    "family_name": "familyName",
    "given_name": "givenName",
    "gender": "sex",
    "email": "email",
    "phone": "phoneNumbers.0.phone",
}


def run(place: Place) -> list[Figure]:
    """Measure in this process; the import as a manager, contacts as the superuser."""
    with registry(PEOPLE) as many_url, registry(FEW) as few_url:
        stage = Stage(place, [many_url, few_url])
        stage.import_all(few_url, FEW)  # fills what Odoo caches
        stage.empty()
        pid = os.getpid()
        few_memory = Memory([pid])
        few_statements = stage.import_all(few_url, FEW)
        few_peak = few_memory.peaks()[pid]
        stage.empty()
        many_memory = Memory([pid])
        many_statements = stage.import_all(many_url, PEOPLE)
        many_peak = many_memory.peaks()[pid]
        stage.empty()

        def turn() -> int:
            stage.import_all(many_url, PEOPLE)
            return PEOPLE

        rates = rounds(
            {"import": turn, "res.partner.create": partial(stage.create_all, PEOPLE)},
            place.rounds,
            before=stage.empty,
            after=stage.check,
        )
    return [
        Figure(
            "import",
            f"import of {PEOPLE:,} people, {BATCH:,} a transaction",
            median(rates["import"]),
            "people/s",
            median(rates["res.partner.create"]),
            min_ratio=MIN_RATIO,
            details={"rounds": rates},
        ),
        Figure(
            "import",
            f"SQL statements for {BATCH:,} people of {PEOPLE:,}, beside of {FEW:,}",
            round(many_statements * BATCH / PEOPLE),
            "statements",
            few := round(few_statements * BATCH / FEW),
            max_value=few + 1,
        ),
        Figure(
            "import",
            f"growth of the peak of memory, {PEOPLE:,} people beside {FEW:,}",
            max(0.0, many_peak - few_peak),
            "MB",
            max_value=MAX_GROWTH,
            details={"peak_mb": {FEW: few_peak, PEOPLE: many_peak}},
        ),
    ]


@contextlib.contextmanager
def registry(people: int) -> Iterator[str]:
    """A registry of made-up people; its address, inside the block."""
    process = subprocess.Popen(
        [sys.executable, SERVER, "--people", str(people)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()  # at which it ends
        process.wait(30)


class Stage:
    """A manager and sources of registries in a place's database.

    :param urls: of the registries
    """

    def __init__(self, place: Place, urls: list[str]) -> None:
        from odoo.fields import Command

        self.place = place
        with place.environment() as env:
            env.company.attendance_import_hosts = "\n".join(urls)
            self._company_id = env.company.id
            manager = env["res.users"].create(
                {
                    "name": "Manager",
                    "login": "bench-manager",
                    "group_ids": [Command.link(env.ref(name).id) for name in GROUPS],
                }
            )
            sources = env["spp.attendance.import.source"].with_user(manager)
            self._source_ids = {
                url: sources.create(
                    {
                        "name": url,
                        "kind": "dci",
                        "url": f"{url}/registry/sync/search",
                        "auth": "fetched",
                        "auth_url": f"{url}/oauth2/client/token",
                        "auth_user": "programme",
                        "secret_input": "registry-secret-7F3A",
                        "page_size": BATCH,
                        "mapping_ids": [
                            Command.create({"field_name": name, "path": path})
                            for name, path in FIELDS.items()
                        ],
                    }
                ).id
                for url in urls
            }
            self._manager_id = manager.id
            self._last_contact = max(env["res.partner"]._search([]).get_result_ids())
        place.databases.query("ANALYZE", place.database)

    def empty(self) -> None:
        """Begin anew, so that each turn of each side meets the same tables."""
        self.place.databases.query(
            "TRUNCATE spp_attendance_subscriber CASCADE;"
            f"DELETE FROM res_partner WHERE id > {self._last_contact};",
            self.place.database,
        )
        self.place.databases.query("VACUUM ANALYZE res_partner", self.place.database)

    def import_all(self, url: str, people: int) -> int:
        """Import everybody; return the number of statements.

        :raises AssertionError: somebody was not created
        """
        from odoo import sql_db

        with self.place.environment(self._manager_id) as env:
            source = env["spp.attendance.import.source"].browse(self._source_ids[url])
            run_id = source._start().id
        before = sql_db.sql_counter
        with self.place.environment() as env:
            env["spp.attendance.import"]._cron_import()
        statements = sql_db.sql_counter - before
        with self.place.environment() as env:
            done = env["spp.attendance.import"].browse(run_id)
            told = (done.error_detail, done.line_ids[:1].reason)
            assert (done.state, done.created_count) == ("done", people), told
        return statements

    def create_all(self, people: int) -> int:
        """Create a plain contact for everybody, without messages as imports do.

        In batches with a transaction each; return their number.
        """
        for start in range(0, people, BATCH):
            with self.place.environment(tracking_disable=True) as env:
                env["res.partner"].create(
                    [self._contact(number) for number in range(start, start + BATCH)]
                )
        return people

    def _contact(self, number: int) -> dict[str, str | int]:
        """Somebody as the import makes them of what the registry says."""
        return {
            "name": f"Okafor{number % 977}, Amina{number % 383}",
            "email": f"p{number}@example.org",
            "phone": f"+254700{number:06}",
            "company_id": self._company_id,
        }

    def check(self, side: str) -> None:
        """
        :raises AssertionError: a side did not make the contacts that it was to make
        """
        with self.place.connection() as connection, connection.cursor() as cr:
            cr.execute(
                "SELECT name, email, phone, company_id FROM res_partner"
                " WHERE id > %s ORDER BY id",
                [self._last_contact],
            )
            found = cr.fetchall()
        expected = [tuple(self._contact(number).values()) for number in range(PEOPLE)]
        assert found == expected, f"{side} made other contacts"
