from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from odoo.addons.spp_attendance.enrolment import EnrolStaff

from .common import DeviceCase, scan

MODELS = (
    "spp.attendance.device",
    "spp.attendance.device.user",
    "spp.attendance.scan",
    "spp.attendance.scan.badge",
    "spp.attendance.device.run",
    "spp.attendance.device.command",
)


@tagged("post_install", "-at_install")
class TestAccess(DeviceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other_officer = new_test_user(
            cls.env,
            login="test-devices-other",
            groups="base.group_user,spp_attendance.spp_attendance_group_officer",
            company_id=cls.other_company.id,
            company_ids=[(6, 0, cls.other_company.ids)],
        )

    def setUp(self):
        super().setUp()
        self.store(scan(), scan("nobody"))
        self.badge = self.env["spp.attendance.device.user"].create(
            {
                "device_id": self.device.id,
                "code": "0001",
                "subscriber_id": self.amina.id,
            }
        )
        self.env["spp.attendance.device.command"]._queue(self.device, "info")

    def seen(self, user, model):
        return self.as_user(user, self.env[model]).search(
            [("company_id", "=", self.company.id)]
        )

    def as_user(self, user, records):
        return records.with_user(user).with_context(
            allowed_company_ids=user.company_ids.ids
        )

    def test_officers_see_their_companies_terminals(self):
        for user in (self.officer, self.manager, self.admin):
            for model in MODELS:
                self.assertTrue(self.seen(user, model), f"{user.login}: {model}")

    def test_other_companies_see_nothing(self):
        for model in MODELS:
            self.assertFalse(self.seen(self.other_officer, model), model)
        with self.assertRaises(AccessError):
            self.as_user(self.other_officer, self.device).read(["name"])
        with self.assertRaises(AccessError):
            badges = self.env["spp.attendance.device.user"]
            self.as_user(self.other_officer, badges).create(
                {
                    "device_id": self.device.id,
                    "code": "nobody",
                    "subscriber_id": self.stranger.id,
                }
            )

    def test_others_see_nothing_at_all(self):
        for user in (
            self.internal,
            self.participant,
            self.api_user,
            self.device.user_id,
        ):
            for model in MODELS:
                with self.assertRaises(AccessError, msg=f"{user.login}: {model}"):
                    self.env[model].with_user(user).search([])

    def test_nobody_writes_what_was_said(self):
        for said in (self.device.run_ids, self.device.command_ids):
            self.assertTrue(said)
            for user in (self.officer, self.manager, self.admin):
                with self.assertRaises(AccessError):
                    said.with_user(user).write({"detail": "x"})
                with self.assertRaises(AccessError):
                    said.with_user(user).unlink()

    def test_only_administrators_ask_a_terminal_for_something(self):
        commands = self.env["spp.attendance.device.command"]
        for user in (self.officer, self.manager):
            with self.assertRaises(AccessError):
                commands.with_user(user)._queue(self.device, "reboot")
            with self.assertRaises(AccessError):
                self.device.with_user(user).action_ask()
        self.assertTrue(commands.with_user(self.admin)._queue(self.device, "reboot"))
        other = self.new_device(
            company_id=self.other_company.id, location_id=self.other_hall.id
        )
        with self.assertRaises(AccessError):
            self.as_user(self.admin, commands)._queue(other, "reboot")

    def test_only_administrators_see_and_decide_on_unknown_terminals(self):
        pending = self.env["spp.attendance.device.pending"].create(
            {
                "serial": "X-1",
                "first_seen_at": "2026-09-01 08:00:00",
                "last_seen_at": "2026-09-01 08:00:00",
            }
        )
        for user in (
            self.officer,
            self.manager,
            self.internal,
            self.participant,
            self.api_user,
            self.device.user_id,
        ):
            for operation in ("read", "write", "create", "unlink"):
                self.assertFalse(pending.with_user(user).has_access(operation))
            for action in ("action_approve", "action_ignore", "action_notice"):
                with self.assertRaises(AccessError, msg=f"{user.login}: {action}"):
                    getattr(pending.with_user(user), action)()
        mine = pending.with_user(self.admin)
        self.assertIn(pending, mine.search([("serial", "=", "X-1")]))
        with self.assertRaises(AccessError):
            mine.write({"serial": "X-2"})
        mine.unlink()

    def test_nobody_sees_the_queue_of_what_was_pushed(self):
        queue = self.env["spp.attendance.scan.queue"]
        for user in (self.officer, self.manager, self.admin, self.device.user_id):
            for operation in ("read", "write", "create", "unlink"):
                self.assertFalse(queue.with_user(user).has_access(operation))

    def test_only_administrators_configure(self):
        values = {"name": "x", "adapter": "fake"}
        for user in (self.officer, self.manager):
            with self.assertRaises(AccessError):
                self.device.with_user(user).name = "x"
            with self.assertRaises(AccessError):
                self.env["spp.attendance.device"].with_user(user).create(values)
            with self.assertRaises(AccessError):
                self.new_device().with_user(user).unlink()
            with self.assertRaises(AccessError):
                self.device.with_user(user).action_poll_now()
            with self.assertRaises(AccessError):
                self.device.with_user(user).secret_input = "1"
        devices = self.env["spp.attendance.device"].with_user(self.admin)
        device = devices.create(values)
        self.assertEqual(device.company_id, self.company)
        device.name = "y"
        device.unlink()

    def test_no_terminal_in_a_company_that_is_not_ones_own(self):
        with self.assertRaises(AccessError):
            self.env["spp.attendance.device"].with_user(self.admin).create(
                {
                    "name": "x",
                    "adapter": "fake",
                    "company_id": self.other_company.id,
                }
            )

    def test_a_badge_is_not_moved_to_a_terminal_of_another_company(self):
        other = self.new_device(
            company_id=self.other_company.id, location_id=self.other_hall.id
        )
        with self.assertRaises(AccessError):
            self.badge.with_user(self.officer).write(
                {"device_id": other.id, "subscriber_id": self.stranger.id}
            )

    def test_officers_assign_badges(self):
        badge = self.badge.with_user(self.officer)
        badge.subscriber_id = self.joseph
        badge.unlink()

    def test_scans_are_for_the_officers_of_the_place(self):
        yard = self.env["spp.attendance.location"].create(
            {"name": "Yard", "company_id": self.company.id}
        )
        shed = yard.create(
            {"name": "Shed", "company_id": self.company.id, "parent_id": yard.id}
        )
        elsewhere = self.new_device(location_id=shed.id)
        nowhere = self.new_device(location_id=False)
        self.store(scan("told"), device=elsewhere)
        self.store(scan("told"), device=nowhere)
        devices = elsewhere + nowhere + self.device
        everybody = (self.officer, self.manager, self.admin)
        for user in everybody:
            self.assert_scans_seen(user, devices)
        yard.officer_ids = new_test_user(
            self.env,
            login="test-devices-yard",
            groups="base.group_user,spp_attendance.spp_attendance_group_officer",
            company_id=self.company.id,
            company_ids=[(6, 0, self.company.ids)],
        )
        for user in (self.manager, self.admin, yard.officer_ids):
            self.assert_scans_seen(user, devices)
        self.assert_scans_seen(self.officer, devices - elsewhere)
        # That it is there, and how it is, they see; but not how busy it is.
        seen = elsewhere.with_user(self.officer)
        self.assertEqual((seen.health, seen.scan_count), (elsewhere.health, 0))
        with self.assertRaises(AccessError):
            self.scans_of(elsewhere).with_user(self.officer).read(["local_time_raw"])

    def test_scans_of_a_register_are_for_its_staff_wherever_they_are(self):
        register = self.env["spp.attendance.register"].create(
            {"name": "Course", "company_id": self.company.id}
        )
        marking = self.new_device(register_id=register.id)
        self.store(scan("told"), device=marking)
        self.hall.officer_ids = self.manager
        self.assert_scans_seen(self.officer, marking.browse())
        self.env["spp.attendance.register.staff"]._enrol(
            [EnrolStaff(register.id, self.officer.attendance_uuid, "EDITOR")]
        )
        self.assert_scans_seen(self.officer, marking)

    def assert_scans_seen(self, user, devices):
        for model in ("spp.attendance.scan", "spp.attendance.scan.badge"):
            self.assertEqual(self.seen(user, model).device_id, devices, model)

    def test_an_officer_that_is_a_program_sees_its_locations_alone(self):
        client, _secret = self.env["spp.oauth.client"]._new_client(
            "Gate",
            ["attendance:read"],
            company_id=self.company.id,
            role_id=self.env.ref("spp_attendance.spp_oauth_role_officer").id,
            attendance_location_ids=self.hall.ids,
        )
        yard = self.env["spp.attendance.location"].create(
            {"name": "Yard", "company_id": self.company.id}
        )
        others = (
            self.new_device(location_id=yard.id),
            self.new_device(location_id=False),
        )
        for other in others:
            self.store(scan("told"), device=other)
            self.env["spp.attendance.device.command"]._queue(other, "info")
            self.env["spp.attendance.device.user"].create(
                {"device_id": other.id, "code": "1", "subscriber_id": self.amina.id}
            )
        for place, device in ((self.hall, self.device), (yard, others[0])):
            client.attendance_location_ids = place
            for model in MODELS:
                found = self.seen(client.user_id, model)
                devices = found if found == device else found.device_id
                self.assertEqual(devices, device, model)

    def new_wizards(self, user, device):
        """One of each, as somebody who is in the middle of it."""
        env = self.env(user=user, context={"allowed_company_ids": user.company_ids.ids})
        setup = env["spp.attendance.device.setup"].create(
            {"host": "10.0.0.7", "secret_input": "4711"}
        )
        people = env["spp.attendance.device.people"].create({"device_id": device.id})
        return [
            env["spp.attendance.device.ask"].create({"device_id": device.id}),
            setup,
            env["spp.attendance.device.setup.found"].create(
                {"setup_id": setup.id, "adapter": "zkteco", "transport": "tcp"}
            ),
            people,
            env["spp.attendance.device.people.line"].create(
                {"wizard_id": people.id, "code": "0001"}
            ),
            env["spp.attendance.device.push.setup"].create({"device_id": device.id}),
            env["spp.attendance.scan.assign"].create(
                {
                    "device_id": device.id,
                    "user_code": "0001",
                    "subscriber_id": self.stranger.id,
                }
            ),
        ]

    def test_what_somebody_is_in_the_middle_of_is_theirs(self):
        other = self.new_device(
            company_id=self.other_company.id, location_id=self.other_hall.id
        )
        other_admin = new_test_user(
            self.env,
            login="test-devices-other-admin",
            groups="base.group_user,spp_attendance.spp_attendance_group_admin",
            company_id=self.other_company.id,
            company_ids=[(6, 0, self.other_company.ids)],
        )
        for wizard in self.new_wizards(other_admin, other):
            with self.subTest(model=wizard._name):
                wizard.check_access("write")
                seen = self.as_user(self.admin, wizard)
                self.assertFalse(seen.search([("id", "in", wizard.ids)]))
                for operation in ("read", "write"):
                    self.assertFalse(seen.has_access(operation))

    def test_no_setup_in_the_networks_of_another_company(self):
        setups = self.env["spp.attendance.device.setup"].with_user(self.admin)
        with self.assertRaises(AccessError):
            setups.create({"host": "10.0.0.7", "company_id": self.other_company.id})

    def test_wizards_are_for_who_may_do_what_they_do(self):
        for user in (self.internal, self.participant, self.api_user):
            for wizard in (
                "device.ask",
                "device.people",
                "device.people.line",
                "device.push.setup",
                "device.setup",
                "device.setup.found",
                "scan.assign",
            ):
                model = self.env[f"spp.attendance.{wizard}"].with_user(user)
                for operation in ("read", "write", "create"):
                    self.assertFalse(model.has_access(operation), wizard)
            people = self.env["spp.attendance.device.people"].with_user(user)
            people = people.with_context(default_device_id=self.device.id)
            with self.assertRaises(AccessError):
                people.default_get(["device_id", "line_ids"])

    def test_clients_of_the_api_get_terminals_and_nothing_around_them(self):
        for group, operations in (
            ("device_group_api", {"read"}),
            ("device_group_api_manage", {"read", "write", "create", "unlink"}),
        ):
            user = new_test_user(
                self.env,
                login=f"test-{group}",
                groups=f"spp_attendance_devices.spp_attendance_{group}",
                company_id=self.company.id,
                company_ids=[(6, 0, self.company.ids)],
            )
            devices = self.device.with_user(user)
            for operation in ("read", "write", "create", "unlink"):
                allowed = operation in operations
                self.assertEqual(devices.has_access(operation), allowed, operation)
            foreign = self.new_device(
                company_id=self.other_company.id, location_id=self.other_hall.id
            )
            self.assertFalse(foreign.with_user(user).has_access("read"))
            marking = self.new_device(
                register_id=self.env["spp.attendance.register"]
                .create({"name": "Course", "company_id": self.company.id})
                .id
            )
            self.assertFalse(marking.with_user(user).has_access("read"))
            for model in MODELS[1:]:
                if model != "spp.attendance.scan":
                    with self.assertRaises(AccessError, msg=model):
                        self.env[model].with_user(user).search([])
            # Of scans the live feed tells them; nobody changes one.
            self.store(scan("told"), device=foreign)
            self.store(scan("told"), device=marking)
            scans = self.env["spp.attendance.scan"].with_user(user)
            self.assertTrue(scans.search([]))
            self.assertLessEqual(scans.search([]).device_id, devices.search([]))
            for operation in ("write", "create", "unlink"):
                self.assertFalse(scans.has_access(operation))
            with self.assertRaises(AccessError):
                devices.read(["secret"])
            if "write" in operations:
                devices.secret_input = "4711"
                self.assertFalse(devices.read(["secret_input"])[0]["secret_input"])
            else:
                with self.assertRaises(AccessError):
                    devices.read(["secret_input"])
