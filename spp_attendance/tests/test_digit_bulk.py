from datetime import datetime
from unittest.mock import patch

from psycopg2.errors import SerializationFailure

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..acting import SENT, Sent
from ..models.spp_attendance_log_queue import CHUNK, SppAttendanceLogQueue
from .common_digit_log import EVENING, MORNING, DigitLogCase

_LOGGER = "odoo.addons.spp_attendance.models.spp_attendance_log_queue"


@tagged("post_install", "-at_install")
class TestDigitBulk(DigitLogCase):
    """Logs that are taken at once and recorded a moment later."""

    def setUp(self):
        super().setUp()
        self.queue = self.env["spp.attendance.log.queue"]
        self.queue.search([]).unlink()  # what the database may have waiting

    def accepted(self, kind, logs, **kwargs):
        response = self.post(f"bulk/_{kind}", logs, **kwargs)
        self.assertEqual(response.status_code, 202, response.text)
        self.env.invalidate_all()
        return response.json()

    def work(self):
        """Have a worker do all that is due; how many logs these were."""
        self.env.flush_all()
        done = 0
        while count := self.queue._work():
            done += count
        self.env.invalidate_all()
        return done

    def rows(self, user=None):
        """What is in the queue now, as a user sees it."""
        self.env.invalidate_all()
        queue = self.queue
        if user:
            companies = user.company_ids.ids
            queue = queue.with_user(user).with_context(allowed_company_ids=companies)
        return queue.search([], order="id")

    def enqueue(self, user, logs):
        self.queue.with_user(user).with_context(
            allowed_company_ids=self.company.ids
        )._enqueue("create", logs, {})

    def test_create(self):
        body = self.accepted("create", [self.log(), self.log(time=EVENING)])
        # a bare ResponseInfo
        self.assertEqual(body["status"], "successful")
        self.assertEqual(body["msgId"], "m-1")
        self.assertFalse(self.records())
        self.assertEqual(self.rows().mapped("state"), ["queued"] * 2)
        self.assertEqual(self.work(), 2)
        self.assertFalse(self.rows())
        records = self.records()
        self.assertEqual(len(records), 2)
        self.assertEqual(records.create_uid, self.app)
        self.assertEqual(set(records.mapped("source")), {"api"})

    def test_same_origin(self):
        """A client reference means the same log, in bulk and at once."""
        [log] = self.ok("_create", [self.log(clientReferenceId="r-1")])
        self.accepted("create", [self.log(clientReferenceId="r-1")])
        self.work()
        self.assertFalse(self.rows())
        self.assertEqual([found["id"] for found in self.search()], [log["id"]])
        self.accepted("create", [self.log(clientReferenceId="r-1", time=EVENING)])
        self.work()
        self.assertEqual(self.rows().code, "CLIENT_REFERENCE_ID")

    def test_update(self):
        [log] = self.ok("_create", [self.log()])
        self.accepted("update", [{**log, "status": "INACTIVE"}, {**log, "id": "x"}])
        self.work()
        self.assertFalse(self.records().active)
        self.assertEqual(self.rows().code, "ATTENDANCE_LOG")

    def test_update_one_by_one(self):
        """What may not be changed so doesn't keep the others."""
        logs = self.ok(
            "_create",
            [self.log(), self.log(self.joseph, time=MORNING - 5 * 86_400_000)],
        )
        self.accepted(
            "update",
            [{**logs[0], "type": "EXIT"}, {**logs[1], "time": MORNING}],
        )
        self.work()
        self.assertEqual(self.records().mapped("log_type"), ["EXIT", "ENTRY"])
        self.assertEqual(self.rows().code, "INELIGIBLE_ATTENDEES")

    def test_each_for_itself(self):
        other = self._new_register("Strange", staff=False)
        logs = [
            self.log(),
            self.log(self.grace),
            self.log(self.joseph),
            self.log(time=1),
            self.log(type=None),
            self.log(registerId=other.uuid),
            self.log(tenantId="pb"),
            self.log(time="noon"),
            self.log(time=EVENING),
            None,
        ]
        self.accepted("create", logs)
        self.assertEqual(self.work(), len(logs))
        self.assertEqual(len(self.records()), 2)
        rows = self.rows()
        self.assertEqual(set(rows.mapped("state")), {"failed"})
        self.assertEqual(
            rows.mapped("code"),
            [
                "UNENROLLED_ATTENDEES",
                "INELIGIBLE_ATTENDEES",
                "INVALID_ATTENDANCE_TIME",
                "ATTENDANCE.TYPE",
                "UNAUTHORISED_USER",
                "INVALID_TENANTID",
                "JsonMappingException",
                "ATTENDANCE.TENANTID",
            ],
        )
        self.assertTrue(all(rows.mapped("reason")))
        first = rows[0]
        self.assertEqual(first.subscriber_id, self.grace)
        self.assertEqual(first.register_id, self.register)
        self.assertEqual(first.log, logs[1])
        self.assertEqual(first.why, "The person is not enrolled in the register.")
        self.assertIn("Diallo", first.display_name)
        self.assertTrue(all(rows.mapped("why")))
        self.assertTrue(all(rows.mapped("display_name")))
        self.assertEqual(
            first.logged_at, fields.Datetime.to_datetime("2026-09-10 08:00:00")
        )

    def test_nothing(self):
        for logs in (None, []):
            self.accepted("create", logs)
        self.assertFalse(self.rows())
        self.assertEqual(self.post("bulk/_create", {"a": 1}).status_code, 400)

    def test_company_of_the_tenant(self):
        self.accepted("create", [self.log(tenantId="nowhere"), self.log()])
        self.assertEqual(self.rows().company_id, self.company)

    def test_try_again_and_dismiss(self):
        self.accepted("create", [self.log(self.grace), self.log(self.grace, type="X")])
        self.work()
        rows = self.rows(self.manager)
        with self.assertRaises(UserError):
            (rows - rows[0]).action_try_again()
            (rows - rows[0]).action_try_again()
        rows.invalidate_recordset()
        self._enrol(self.register, self.grace, ("2026-09-01 00:00:00", False))
        rows[0].action_dismiss()
        self.assertEqual(rows[0].resolved_by, self.manager)
        rows[1].action_try_again()
        self.assertEqual(rows[1].state, "queued")
        self.assertFalse(rows[1].reason)
        self.work()
        self.assertEqual(self.rows(), rows[0])
        self.assertEqual(self.records().log_type, "X")
        # a second thought
        rows[0].action_try_again()
        self.work()
        self.assertEqual(len(self.records()), 2)

    def test_access(self):
        self.accepted("create", [self.log(self.grace)])
        self.work()
        row = self.rows()
        for user in (self.officer, self.internal, self.api_user):
            for action in ("action_try_again", "action_dismiss"):
                with self.assertRaises(AccessError):
                    getattr(row.with_user(user), action)()
        manager = self.rows(self.manager)
        self.assertEqual(manager.code, "UNENROLLED_ATTENDEES")
        with self.assertRaises(AccessError):
            manager.write({"log": {}})
        with self.assertRaises(AccessError):
            manager.unlink()
        row.company_id = self.other_company
        self.assertFalse(self.rows(self.manager))
        with self.assertRaises(AccessError):
            manager.action_dismiss()

    def test_sender_is_gone(self):
        """Nothing is done in the name of who may not any more."""
        self.accepted("create", [self.log()])
        self.app.active = False
        self.work()
        self.assertEqual(self.rows().code, "NO_USER")
        self.assertFalse(self.records())

    def test_staff_when_it_was_sent(self):
        """How long it waits is not the sender's doing."""
        staff = self.register.staff_ids.filtered(lambda row: row.user_id == self.app)
        for ended, code in (("11:00:00", False), ("09:00:00", "UNAUTHORISED_USER")):
            self.accepted("create", [self.log(), self.log(time=EVENING)])
            staff.unenrolled_at = f"2026-09-10 {ended}"
            self.env.flush_all()
            self.env.cr.execute(
                "UPDATE spp_attendance_log_queue SET create_date = '2026-09-10 10:00'"
            )
            self.work()
            self.assertEqual(set(self.rows().mapped("code")), {code} - {False})
            self.assertEqual(len(self.records()), 2)
        # Who is made staff again after that may have it recorded, too.
        staff.unenrolled_at = False
        self.rows(self.manager).action_try_again()
        self.work()
        self.assertFalse(self.rows())

    def test_nobody_says_when_it_was_sent(self):
        """A context that comes from outside, where XML-RPC has dates, is none."""
        staff = self.register.staff_ids.filtered(lambda row: row.user_id == self.app)
        staff.unenrolled_at = "2026-09-10 09:00:00"
        for forged in (datetime(2026, 9, 1), "2026-09-01 00:00:00", [], 5):
            register = self.register.with_user(self.app).with_context(
                allowed_company_ids=self.company.ids, **{SENT: forged}
            )
            self.assertFalse(register.is_mine)
        register = register.with_context(**{SENT: Sent(datetime(2026, 9, 1))})
        self.assertTrue(register.is_mine)

    def test_gateway(self):
        """In whose name it was sent is known when it is recorded."""
        self._staff(self.register, user_uuid="field-1", name="Field")
        scope = self.env["spp.oauth.scope"].search([("is_gateway_only", "=", True)])
        self.client.is_trusted_gateway = True
        self.client.scope_ids += scope
        self.token = self._token(" ".join((*self.SCOPES, *scope.mapped("name"))))
        for uuid in ("field-1", "field-2"):
            user = {"uuid": uuid, "name": "Field", "roles": [{"code": "SUPERUSER"}]}
            self.accepted("create", [self.log()], info={"userInfo": user})
        self.work()
        self.assertEqual(self.records().log_details["createdBy"], "field-1")
        row = self.rows()
        self.assertEqual((row.code, row.actor_uuid), ("UNAUTHORISED_USER", "field-2"))

    def test_fault_that_may_pass(self):
        """What goes wrong is tried again, each log by itself, later and later."""
        self.accepted("create", [self.log(), self.log(time=EVENING)])
        service = type(self.env["spp.attendance.digit"])

        def fault(*args):
            raise ZeroDivisionError

        with patch.object(service, "_take_logs", fault), mute_logger(_LOGGER):
            self.assertEqual(self.queue._work(), 2)
            self.assertEqual(self.rows().mapped("attempts"), [1, 1])
            self.assertEqual(self.queue._work(), 1)
            self.assertEqual(self.queue._work(), 1)
            self.assertEqual(self.rows().mapped("attempts"), [2, 2])
            # waits
            self.assertEqual(self.queue._work(), 0)
            for _attempt in range(20):
                self.rows().next_attempt_at = "2020-01-01 00:00:00"
                self.env.flush_all()
                while self.queue._work():
                    self.env.invalidate_all()
        self.assertEqual(self.rows().mapped("state"), ["failed"] * 2)
        self.assertEqual(self.rows().mapped("code"), ["INTERNAL"] * 2)
        self.assertFalse(self.records())
        self.rows(self.manager).action_try_again()
        self.work()
        self.assertEqual(len(self.records()), 2)

    def test_one_bad_log_does_not_keep_the_others(self):
        self.accepted("create", [self.log(type=name) for name in "ABC"])
        service = type(self.env["spp.attendance.digit"])
        take = service._take_logs

        def fault(model, kind, logs, origin):
            if any(log["type"] == "B" for log in logs):
                raise ZeroDivisionError
            return take(model, kind, logs, origin)

        with patch.object(service, "_take_logs", fault), mute_logger(_LOGGER):
            self.work()
        self.assertEqual(set(self.records().mapped("log_type")), {"A", "C"})
        self.assertEqual(self.rows().log_type, "B")
        self.assertEqual(self.rows().state, "queued")

    def test_rights_are_gone(self):
        self.accepted("create", [self.log()])
        service = type(self.env["spp.attendance.digit"])

        def refuse(*args):
            raise AccessError("You may not.")

        with patch.object(service, "_take_logs", refuse):
            self.work()
        self.assertEqual(self.rows().code, "FORBIDDEN")
        self.assertEqual(self.rows().reason, "You may not.")

    def test_others_are_at_it(self):
        """Losing each race for a row is no fault."""
        self.accepted("create", [self.log()])

        def lose(model):
            raise SerializationFailure

        with patch.object(SppAttendanceLogQueue, "_claim", lose):
            self.assertEqual(self.queue._work(), 0)
        self.assertEqual(self.rows().attempts, 0)
        self.assertEqual(self.work(), 1)

    def test_chunks(self):
        """Senders are not mixed, and no transaction is too long."""
        self.enqueue(self.app, [self.log(time=MORNING + n) for n in range(CHUNK + 5)])
        self.enqueue(self.api_user, [self.log()])
        counts = []
        while count := self.queue._work():
            counts.append(count)
        self.assertEqual(counts, [CHUNK, 5, 1])
        self.env.invalidate_all()
        self.assertEqual(self.rows().code, "UNAUTHORISED_USER")
        self.assertEqual(len(self.records()), CHUNK + 5)

    def test_lanes_are_called_once(self):
        crons = self.env.ref("spp_attendance.ir_cron_log_queue_1") + self.env.ref(
            "spp_attendance.ir_cron_log_queue_2"
        )
        triggers = self.env["ir.cron.trigger"]
        triggers.search([("cron_id", "in", crons.ids)]).unlink()
        for _request in range(3):
            self.accepted("create", [self.log()])
        found = triggers.search([("cron_id", "in", crons.ids)])
        self.assertEqual(sorted(found.cron_id.ids), sorted(crons.ids))
        self.assertEqual(len(found), 2)

    def test_cron(self):
        self.accepted("create", [self.log()])
        lane = self.env.ref("spp_attendance.ir_cron_log_queue_2")
        lane.method_direct_trigger()
        self.env.invalidate_all()
        self.assertFalse(self.rows())
        self.assertEqual(len(self.records()), 1)

    def test_is_forgotten(self):
        self.accepted("create", [self.log(self.grace), self.log()])
        self.work()
        self.accepted("create", [self.log()])
        self.env.cr.execute(
            "UPDATE spp_attendance_log_queue SET write_date = '2020-01-01'"
        )
        self.env.invalidate_all()
        self.assertEqual(self.queue._gc_failed(), (1, False))
        self.assertEqual(self.rows().state, "queued")

    def test_statements(self):
        """To take logs, and to refuse them, in a constant number of statements."""

        def count(number):
            before = self.env.cr.sql_log_count
            self.enqueue(
                self.app,
                [self.log(self.grace, time=MORNING + n) for n in range(number)],
            )
            self.queue._work()
            return self.env.cr.sql_log_count - before

        count(3)
        self.assertEqual(count(10), count(200))
