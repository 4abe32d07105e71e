import csv
import errno
import io
import tempfile
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from odoo.addons.spp_oauth.api import Unavailable, Unprocessable

from .. import feed, sheet, sheet_writer
from ..api.sheets import SheetQuery
from ..sheet_writer import SheetWriter
from .common import AttendanceCase

_WRITER_LOG = "odoo.addons.spp_attendance.sheet_writer"
_NODE = "test-node"
#: Of the snapshot of the test, the same whatever else goes on in the cluster.
_HORIZON = SQL(
    "SELECT pg_snapshot_xmin(s)::text, pg_snapshot_xmax(s)::text"
    "  FROM pg_current_snapshot() s"
)


def _content(response):
    try:
        return b"".join(response.response)
    finally:
        response._wrapped__.close()


class SheetCase(AttendanceCase):
    def sheet_of(self, user, **filters):
        """Rows of the CSV that a user gets, without the heading."""
        model = self.records_of(user).env["spp.attendance.sheet"]
        response = model._api_csv(SheetQuery(**filters))
        content = _content(response)
        self.assertEqual(response.headers["Content-Length"], str(len(content)))
        rows = list(csv.reader(io.StringIO(content.decode(), newline="")))
        self.assertEqual(tuple(rows[0]), sheet.COLUMNS)
        return rows[1:]


@tagged("post_install", "-at_install")
class TestSheet(SheetCase):
    def test_a_line_a_record_oldest_first(self):
        self.ingest(
            self.item("T-2", "2026-09-02T08:00:00", category="absent"),
            self.item("T-1", "2026-09-01T08:00:00"),
        )
        self.assertEqual(
            self.sheet_of(self.api_user),
            [
                ["2026-09-01T08:00:00+03:00", "T-1", self.amina.name, "Present"],
                ["2026-09-02T08:00:00+03:00", "T-2", self.joseph.name, "Absent"],
            ],
        )

    def test_offsets_of_any_zone_and_night(self):
        cases = {
            "America/St_Johns": ("2026-01-15T23:30:00", "-03:30"),
            "Asia/Kathmandu": ("2026-01-15T00:10:00", "+05:45"),
            "Pacific/Kiritimati": ("2026-01-16T00:00:00", "+14:00"),
            "UTC": ("2026-01-15T12:00:00", "+00:00"),
            "Europe/Paris": ("2026-03-29T02:30:00", "+02:00"),  # a time that wasn't
        }
        for number, (tz, (local, _offset)) in enumerate(cases.items()):
            self.company.attendance_tz = tz
            self.env.flush_all()
            self.ingest(self.item("T-1", local, external_id=f"z{number}"))
        stamps = {row[0] for row in self.sheet_of(self.api_user)}
        expected = {local + offset for local, offset in cases.values()}
        expected.remove("2026-03-29T02:30:00+02:00")
        expected.add("2026-03-29T03:30:00+02:00")
        self.assertEqual(stamps, expected)

    def test_no_cell_is_a_formula(self):
        for first in ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff20"):
            with self.subTest(first=repr(first)):
                text = f'{first}1,"2'
                [(plain,)] = self.env.execute_query(
                    SQL("SELECT %s", sheet.plain(SQL("%s::text", text)))
                )
                self.assertEqual(plain, f"'{text}")
                self.assertTrue(sheet.plain_text(text).startswith("'"))
        # Where a semicolon or tab parts cells, or a line ends in spite of quotes.
        for text, expected in (
            ("Doe;=1+1", "Doe;'=1+1"),
            ("  =1+1", "  '=1+1"),
            ("Doe;\t @x;y", "Doe;\t '@x;y"),
            ("Doe\n-1\r\n+2", "Doe\n'-1\r\n'+2"),
            ("A-B = 1; x=2", "A-B = 1; x=2"),
            (";", ";"),
            ("", ""),
        ):
            with self.subTest(text=text):
                [(plain,)] = self.env.execute_query(
                    SQL("SELECT %s", sheet.plain(SQL("%s::text", text)))
                )
                self.assertEqual(plain, expected)
                self.assertEqual(sheet.plain_text(text), expected)
        self.amina.write({"family_name": "=1+1", "given_name": False})
        self.joseph.write({"family_name": "2=1+1", "given_name": False})
        self.amina.person_identifier = "-7"
        self.env.flush_all()
        self.ingest(self.item("-7"), self.item("T-2"))
        self.assertEqual(
            [row[1:3] for row in self.sheet_of(self.api_user)],
            [["'-7", "'=1+1"], ["T-2", "2=1+1"]],
        )

    def test_filters_are_those_of_the_list(self):
        self.ingest(
            self.item("T-1", "2026-09-01T08:00:00", type="TRN-TEST"),
            self.item("T-2", "2026-09-02T08:00:00", location="HALL"),
            self.item("T-3", "2026-09-03T08:00:00"),
        )
        for filters, people in (
            ({"date_from": "2026-09-02"}, ["T-2", "T-3"]),
            ({"date_to": "2026-09-02"}, ["T-1", "T-2"]),
            ({"type": "TRN-TEST"}, ["T-1"]),
            ({"location": "HALL"}, ["T-2"]),
            ({"person_identifier": ["T-1", "T-3"]}, ["T-1", "T-3"]),
            ({"category": "absent"}, []),
            ({"company": [self.company.id]}, ["T-1", "T-2", "T-3"]),
            ({"company": [self.other_company.id]}, []),
            ({"person_identifier": ["nobody"]}, []),
        ):
            with self.subTest(filters):
                rows = self.sheet_of(self.api_user, **filters)
                self.assertEqual([row[1] for row in rows], people)

    def test_voided_records_are_not_in_it(self):
        [outcome] = self.ingest(self.item())
        self.records_of(self.manager).browse(outcome.id)._void("wrong person")
        self.assertEqual(self.sheet_of(self.api_user), [])

    def test_each_sees_his_own(self):
        self.ingest(
            self.item("T-1", location="HALL"), self.item("T-4", location="HALL")
        )
        self.assertEqual(len(self.sheet_of(self.officer)), 2)
        [row] = self.sheet_of(self.participant)
        self.assertEqual(row[1], "T-4")
        with self.assertRaises(AccessError):
            self.sheet_of(self.internal)

    def test_statements_do_not_grow(self):
        def statements():
            self.env.flush_all()
            before = self.env.cr.sql_log_count
            self.sheet_of(self.api_user)
            return self.env.cr.sql_log_count - before

        self.ingest(self.item("T-1"))
        statements()
        few = statements()
        self.ingest(
            *(self.item("T-1", f"2026-08-01T08:{n:02}:00") for n in range(50)),
            *(self.item("T-2", f"2026-08-01T08:{n:02}:00") for n in range(50)),
        )
        statements()
        self.assertEqual(statements(), few)

    def test_a_workbook_has_a_limit(self):
        self.ingest(self.item("T-1"), self.item("T-2"))
        model = self.records_of(self.api_user).env["spp.attendance.sheet"]
        with patch.object(sheet, "MAX_XLSX_ROWS", 2), self.assertRaises(Unprocessable):
            model._api_xlsx(SheetQuery())
        with patch.object(sheet, "MAX_XLSX_ROWS", 3):
            content = _content(model._api_xlsx(SheetQuery()))
        self.assertTrue(content.startswith(b"PK"))

    def test_no_room_to_prepare_it(self):
        self.ingest(self.item())
        model = self.records_of(self.api_user).env["spp.attendance.sheet"]

        def refuse(select, spool):
            raise OSError(errno.ENOSPC, "No space left on device")

        with (
            patch.object(type(model), "_write_csv", side_effect=refuse),
            self.assertRaises(Unavailable),
        ):
            model._api_csv(SheetQuery())

    def test_wizard(self):
        self.ingest(
            self.item("T-1", "2026-09-01T08:00:00", type="TRN-TEST"),
            self.item("T-2", "2026-09-02T08:00:00"),
        )
        model = self.records_of(self.officer).env["spp.attendance.record.export"]
        export = model.create(
            {
                "date_from": "2026-09-01",
                "date_to": "2026-09-30",
                "type_id": self.training.id,
                "format": "xlsx",
            }
        )
        self.assertEqual(export.record_count, 1)
        self.assertEqual(
            export.action_export()["url"],
            "/api/attendance/records.xlsx?date_from=2026-09-01&date_to=2026-09-30"
            f"&type={self.training.id}&company={self.company.id}",
        )


@tagged("post_install", "-at_install")
class TestSheetFile(SheetCase):
    """The writer on the cursor of the test, whose rows are made to look committed."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        for name, value in (("folder", cls.folder), ("node", _NODE)):
            cls.startClassPatcher(patch.object(sheet, name, return_value=value))
        cls.startClassPatcher(patch.object(sheet_writer, "HORIZON", _HORIZON))
        cls.company.attendance_sheet_enabled = True
        cls.state = cls.env["spp.attendance.sheet"].search(
            [("company_id", "=", cls.company.id)]
        )
        cls.path = cls.folder / cls.state.file_name
        cls.writer = SheetWriter(cls.env.cr.dbname, cls.company.id)

    def write(self):
        """Let the writer do all it can; the lines of the file."""
        self.env.flush_all()
        while self.writer.write_once(self.env.cr) == 0:
            pass
        self.env.invalidate_all()
        return self.path.read_text().splitlines()[1:]

    @contextmanager
    def rows_of(self, lowest):
        """Rows made in the block get numbers from `lowest` on, below the open ones."""
        self.env.cr.execute("SELECT COALESCE(max(id), 0) FROM spp_attendance_record")
        [(last,)] = self.env.cr.fetchall()
        yield
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE spp_attendance_record SET feed_xid = %s::text::xid8 WHERE id > %s",
            [lowest, last],
        )

    def horizon(self):
        [(horizon, _after)] = self.env.execute_query(_HORIZON)
        return int(horizon)

    def ingest_before(self, *items):
        with self.rows_of(self.horizon() - 1):
            return self.ingest(*items)

    def reset_horizon(self, back=2):
        """As if nothing had been committed since: test transactions see one moment."""
        self.env.cr.execute(
            "UPDATE spp_attendance_sheet SET horizon = %s WHERE id = %s",
            [str(self.horizon() - back), self.state.id],
        )

    def test_settings_choose_this_server(self):
        self.assertEqual(self.company.attendance_sheet_node, _NODE)
        self.assertTrue(self.state.enabled)
        self.assertTrue(self.state.cron_id.active)
        self.assertIn(_NODE, self.state.status)
        self.company.attendance_sheet_enabled = False
        self.assertFalse(self.state.enabled)
        self.assertFalse(self.state.cron_id.active)
        self.env.flush_all()
        self.assertIsNone(self.writer.write_once(self.env.cr))

    def test_first_all_then_what_comes(self):
        self.ingest_before(self.item("T-1"))
        [first] = self.write()
        self.assertFalse(self.state.stale)
        self.assertEqual(self.state.row_count, 1)
        self.assertEqual(self.state.file_bytes, self.path.stat().st_size)
        inode = self.path.stat().st_ino
        self.reset_horizon(back=1)
        self.ingest_before(self.item("T-2"))
        self.env.cr.execute(
            "UPDATE spp_attendance_record SET feed_xid = %s::text::xid8"
            " WHERE subscriber_id = %s",
            [self.horizon() - 2, self.amina.id],
        )
        lines = self.write()
        self.assertEqual(lines[0], first)
        self.assertIn("T-2", lines[1])
        self.assertEqual(len(lines), 2)
        self.assertEqual(self.path.stat().st_ino, inode)
        self.assertEqual(self.write(), lines)

    def test_open_transactions_are_waited_for(self):
        self.ingest(self.item("T-1"))
        self.assertEqual(self.write(), [])

    def test_half_a_line_is_cut_off(self):
        self.ingest_before(self.item("T-1"))
        lines = self.write()
        with self.path.open("a") as file:
            file.write("2026-09-01T08:0")
        self.reset_horizon(back=1)
        self.env.cr.execute(
            "UPDATE spp_attendance_record SET feed_xid = '3' WHERE subscriber_id = %s",
            [self.amina.id],
        )
        self.ingest_before(self.item("T-2"))
        self.assertEqual(self.write()[:1], lines)
        self.assertEqual(len(self.write()), 2)

    def test_a_file_that_is_gone_or_cut_is_made_again(self):
        self.ingest_before(self.item("T-1"), self.item("T-2"))
        lines = self.write()
        self.path.unlink()
        self.assertEqual(self.write(), lines)
        self.path.write_bytes(self.path.read_bytes()[:-5])
        self.assertEqual(self.write(), lines)

    def test_correction_and_void_rewrite_it(self):
        [outcome, _other] = self.ingest_before(self.item("T-1"), self.item("T-2"))
        self.assertEqual(len(self.write()), 2)
        record = self.records_of(self.manager).browse(outcome.id)
        inode = self.path.stat().st_ino
        record.description = "That is no part of the sheet"
        self.note_changes()
        self.write()
        self.assertEqual(self.path.stat().st_ino, inode)
        record.category = "absent"
        self.note_changes()
        self.writer._rest_until = 0
        lines = self.write()
        self.assertIn("Absent", "".join(lines))
        record._void("wrong")
        self.note_changes()
        self.writer._rest_until = 0
        [line] = self.write()
        self.assertIn("T-2", line)

    def note_changes(self):
        """Make changes look committed after what is written."""
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE spp_attendance_record SET feed_xid = '3' WHERE company_id = %s",
            [self.company.id],
        )
        self.reset_horizon(back=1)
        self.env.cr.execute(
            "UPDATE spp_attendance_record_change SET feed_xid = %s::text::xid8"
            " WHERE feed_xid >= %s::text::xid8",
            [self.horizon() - 1, self.horizon()],
        )

    def test_one_rewrite_after_the_other_is_put_off(self):
        self.ingest_before(self.item("T-1"))
        self.write()
        self.state.stale = True
        self.env.flush_all()
        self.writer._rest_until = float("inf")
        inode = self.path.stat().st_ino
        self.assertGreater(self.writer.write_once(self.env.cr), 0)
        self.assertEqual(self.path.stat().st_ino, inode)
        self.env.invalidate_all()
        self.assertTrue(self.state.stale)
        self.writer._rest_until = 0
        self.write()
        self.assertFalse(self.state.stale)
        self.assertNotEqual(self.path.stat().st_ino, inode)

    def test_a_full_disk_changes_nothing(self):
        self.ingest_before(self.item("T-1"))
        lines = self.write()
        size = self.path.stat().st_size
        self.env.cr.execute(
            "UPDATE spp_attendance_record SET feed_xid = '3' WHERE company_id = %s",
            [self.company.id],
        )
        self.reset_horizon(back=1)
        self.ingest_before(self.item("T-2"))
        full = OSError(errno.ENOSPC, "No space left on device")

        def write_and_refuse(file):
            file.flush()
            raise full

        with (
            patch.object(sheet_writer, "_sync", side_effect=write_and_refuse),
            self.assertRaises(OSError),
        ):
            self.writer.write_once(self.env.cr)
        self.assertEqual(self.path.stat().st_size, size)
        with self.assertLogs(_WRITER_LOG, "WARNING") as logs:
            self.writer._note_error(self.env.cr, full.strerror)
            self.writer._note_error(self.env.cr, full.strerror)
        self.assertEqual(len(logs.output), 1)
        self.env.invalidate_all()
        self.assertIn("No space left on device", self.state.status)
        check = self.env["spp.oauth.health"]._check_attendance_sheets()
        self.assertFalse(check.ok)
        self.assertFalse(check.critical)
        self.assertEqual(self.write()[:1], lines)
        self.assertEqual(len(self.write()), 2)
        self.assertFalse(self.state.last_error)

    def test_horizon(self):
        [(horizon, after)] = self.env.execute_query(feed.HORIZON)
        [(lowest, highest)] = self.env.execute_query(_HORIZON)
        self.assertEqual(after, highest)
        self.assertLessEqual(int(lowest), int(horizon))
        self.assertLessEqual(int(horizon), int(after))

    def test_horizon_never_goes_back(self):
        self.ingest_before(self.item("T-1"))
        lines = self.write()
        self.env.cr.execute(
            "UPDATE spp_attendance_sheet SET horizon = %s WHERE id = %s",
            [str(self.horizon() + 5), self.state.id],
        )
        self.env.cr.execute("UPDATE spp_attendance_sheet SET last_checked = NULL")
        self.assertEqual(self.write(), lines)
        self.assertEqual(self.state.horizon, str(self.horizon() + 5))

    def test_no_folder(self):
        with (
            patch.object(sheet, "folder", return_value=None),
            self.assertRaisesRegex(OSError, "spp_sheet_dir"),
        ):
            self.write()

    def test_numbers_of_another_cluster(self):
        self.ingest_before(self.item("T-1"))
        self.write()
        self.env.cr.execute(
            "UPDATE spp_attendance_record SET feed_xid = '9000000000000000000'"
            " WHERE company_id = %s",
            [self.company.id],
        )
        self.env.cr.execute(
            "UPDATE spp_attendance_sheet SET horizon = '9000000000000000001'"
        )
        sheet_writer._renumber_after_restore(self.env.cr, self.company.id)
        self.env.invalidate_all()
        self.assertTrue(self.state.stale)
        self.assertEqual(self.state.horizon, "0")
        self.env.cr.execute(
            "SELECT bool_and(feed_xid <= pg_current_xact_id())"
            "  FROM spp_attendance_record WHERE company_id = %s",
            [self.company.id],
        )
        self.assertTrue(self.env.cr.fetchone()[0])

    def test_only_its_own_server_runs_the_action(self):
        cron = self.state.cron_id
        self.env.flush_all()
        job = {"id": cron.id}
        with (
            patch("odoo.addons.base.models.ir_cron.IrCron._process_job") as process,
            mute_logger("odoo.addons.spp_attendance.models.ir_cron"),
        ):
            type(cron)._process_job(self.env.cr, job)
            self.assertEqual(process.call_count, 1)
            with (
                patch.object(sheet, "node", return_value="another"),
                patch.object(self.env.cr, "commit") as released,
                patch.object(type(cron), "_notifydb") as called,
                patch("odoo.addons.spp_attendance.models.ir_cron.time.sleep"),
            ):
                type(cron)._process_job(self.env.cr, job)
                # It may have found the action taken: it is called once more.
                self.assertEqual((released.call_count, called.call_count), (1, 1))
                self.env.cr.execute(
                    "DELETE FROM ir_cron_trigger WHERE cron_id = %s", [cron.id]
                )
                type(cron)._process_job(self.env.cr, job)
                self.assertEqual((released.call_count, called.call_count), (1, 1))
            self.assertEqual(process.call_count, 1)

    def test_settings_page(self):
        model = self.records_of(self.admin).env["spp.attendance.settings"]
        settings = model.create({})
        self.assertEqual(settings.sheet_id, self.state)
        self.assertTrue(settings.attendance_sheet_enabled)
        self.state.stale = False
        settings.action_rewrite_sheet()
        self.assertTrue(self.state.stale)
        settings.attendance_sheet_enabled = False
        settings.execute()
        self.assertFalse(self.state.enabled)
        with self.assertRaises(AccessError):
            self.records_of(self.manager).env["spp.attendance.sheet"].search([])
