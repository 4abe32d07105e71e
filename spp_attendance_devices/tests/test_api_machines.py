from datetime import timedelta

from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.spp_attendance.tests.common_api import ApiCase

from ..api import MachineQuery
from ..devices import DeviceInfo
from ..devices.errors import DeviceRefused
from .common import DeviceCase, FakeAdapter, scan

SECRET = "271828"


@tagged("post_install", "-at_install")
class TestApiMachines(DeviceCase, ApiCase):
    """What apps do with terminals: watch them, set them up, test them."""

    SCOPES = ("devices:read", "devices:manage")

    def _create(self, status=201, **body):
        return self._ok(
            "POST",
            "/machines",
            {"name": "Gate", "machine_type": "fake", **body},
            status=status,
        )

    def test_created_read_changed_deleted_with_and_without_slash(self):
        for slash in ("", "/"):
            with self.subTest(slash):
                response = self._call(
                    "POST",
                    f"/machines{slash}",
                    {
                        "name": "Gate",
                        "machine_type": "zkteco",
                        "ip_address": "10.1.2.3",
                        "location": "Hall",
                        "config": {"secret": SECRET, "timeout": 7},
                    },
                )
                self.assertEqual(response.status_code, 201, response.text)
                self.assertNotIn(SECRET, response.text)
                made = response.json()
                path = f"/machines/{made['machine_id']}"
                self.assertEqual(response.headers["Location"], f"/api/attendance{path}")
                self.assertEqual(made["location"]["name"], "Hall")
                self.assertEqual(
                    (made["ip_address"], made["port"], made["tz"]),
                    ("10.1.2.3", 4370, self.hall.tz),
                )
                self.assertEqual(made["config"]["timeout"], 7)
                self.assertTrue(made["config"]["secret_set"])
                self.assertEqual(
                    (made["status"], made["health"], made["is_connected"]),
                    ("active", "never", False),
                )
                device = self.devices.browse(made["id"])
                self.assertEqual(device.company_id, self.company)
                self.assertEqual(device.sudo().secret, SECRET)
                path += slash
                self.assertEqual(self._ok("GET", path), made)
                changed = self._ok("PATCH", path, {"name": "Door", "port": 5005})
                self.assertEqual((changed["name"], changed["port"]), ("Door", 5005))
                self.assertEqual(changed["config"], made["config"])
                response = self._call("DELETE", path)
                self.assertEqual((response.status_code, response.text), (204, ""))
                self.assertEqual(self._call("GET", path).status_code, 404)

    def test_what_put_leaves_out_is_default_but_the_secret(self):
        made = self._create(
            machine_type="hikvision",
            ip_address="10.1.2.4",
            port=5005,
            location="Hall",
            poll_interval=17,
            config={"secret": SECRET, "username": "reader", "options": {"page": 10}},
        )
        self.assertEqual(made["config"]["options"], {"page": 10})
        path = f"/machines/{made['id']}"
        put = self._ok(
            "PUT",
            path,
            {"name": "Other", "machine_type": "hikvision", "ip_address": "10.1.2.4"},
        )
        self.assertEqual(
            (put["name"], put["machine_type"], put["port"], put["poll_interval"]),
            ("Other", "hikvision", 80, 5),
        )
        self.assertIsNone(put["location"])
        self.assertEqual(
            put["config"],
            {**made["config"], "username": None, "options": {}},
        )
        self.assertTrue(put["config"]["secret_set"])
        # Only when it is named it changes, or goes.
        body = {"name": "Other", "machine_type": "hikvision", "ip_address": "10.1.2.4"}
        put = self._ok("PUT", path, {**body, "config": {"secret": None}})
        self.assertFalse(put["config"]["secret_set"])
        # An archived one stays so until it is said otherwise.
        self._ok("PATCH", path, {"active": False})
        self.assertFalse(self._ok("PUT", path, body)["active"])
        self.assertTrue(self._ok("PUT", path, {**body, "active": True})["active"])
        # Beside nothing no machine is.
        self.assertEqual(self._call("PUT", path, {"name": "X"}).status_code, 422)

    def test_one_that_sends_by_itself(self):
        made = self._create(
            machine_type="zkteco",
            mode="push",
            serial="GATE-1",
            push={"networks": ["10.0.0.0/8", "192.168.1.20"], "key": SECRET},
        )
        self.assertEqual((made["mode"], made["ip_address"]), ("push", None))
        self.assertEqual(
            made["push"],
            {
                "networks": ["10.0.0.0/8", "192.168.1.20"],
                "key_set": True,
                "delay": 10,
                "last_contact": None,
                "checked_at": None,
                "scans_fetched_later": 0,
            },
        )
        self.assertIsNone(made["next_sync"])
        path = f"/machines/{made['id']}"
        self.assertEqual(self._call("POST", f"{path}/test").status_code, 409)
        device = self.devices.browse(made["id"])
        self.assertFalse(device.error_code)
        device.last_contact_at = "2026-09-01 08:00:00"
        changed = self._ok("PATCH", path, {"push": {"delay": 30}})["push"]
        self.assertEqual(
            changed,
            {**made["push"], "delay": 30, "last_contact": "2026-09-01T08:00:00Z"},
        )
        [found] = self._ok("GET", "/machines?mode=push&serial=GATE-1")["items"]
        self.assertEqual(found["id"], made["id"])
        body = {"name": "Gate", "machine_type": "zkteco", "mode": "push"}
        put = self._ok("PUT", path, body)
        self.assertEqual(put["serial"], "GATE-1")
        self.assertEqual(
            (put["push"]["networks"], put["push"]["delay"], put["push"]["key_set"]),
            ([], 10, True),
        )
        put = self._ok("PUT", path, {**body, "push": {"key": None}})
        self.assertFalse(put["push"]["key_set"])
        put = self._ok("PUT", path, {**body, "mode": "poll", "ip_address": "10.1.2.3"})
        self.assertEqual((put["mode"], put["push"]), ("poll", None))

    @mute_logger("odoo.http")
    def test_what_cannot_send_so_is_refused(self):
        self._create(machine_type="zkteco", mode="push", serial="GATE-1")
        for body in (
            {"machine_type": "zkteco", "mode": "push", "serial": "GATE-1"},
            {"machine_type": "zkteco", "mode": "push"},
            {"machine_type": "biostar", "mode": "push", "serial": "GATE-2"},
            {
                "machine_type": "zkteco",
                "mode": "push",
                "serial": "GATE-2",
                "push": {"networks": ["somewhere"]},
            },
            {
                "machine_type": "zkteco",
                "mode": "push",
                "serial": "GATE-2",
                "push": {"delay": 61},
            },
            {
                "machine_type": "zkteco",
                "mode": "push",
                "serial": "GATE-2",
                "push": {"key": "47\n11"},
            },
        ):
            with self.subTest(body):
                response = self._call("POST", "/machines", {"name": "Gate", **body})
                self.assertEqual(response.status_code, 422, response.text)

    @mute_logger("odoo.http")
    def test_a_new_address_needs_the_secret_again(self):
        made = self._create(
            machine_type="zkteco", ip_address="10.1.2.4", config={"secret": SECRET}
        )
        path = f"/machines/{made['id']}"
        response = self._call("PATCH", path, {"ip_address": "10.1.2.5"})
        self.assertEqual(response.status_code, 422)
        self.assertNotIn(SECRET, response.text)
        for secret in ("4711", None):
            body = {"ip_address": "10.1.2.5", "config": {"secret": secret}}
            changed = self._ok("PATCH", path, body)
            self.assertEqual(changed["ip_address"], "10.1.2.5")
            self.assertEqual(changed["config"]["secret_set"], bool(secret))

    def test_patch_keeps_the_rest_of_config(self):
        made = self._create(config={"timeout": 7, "encoding": "cp1256"})
        path = f"/machines/{made['id']}"
        changed = self._ok("PATCH", path, {"config": {"deadline": 90}})
        self.assertEqual(changed["config"], {**made["config"], "deadline": 90})
        changed = self._ok("PATCH", path, {"port": None})
        self.assertEqual(changed["port"], None)
        self.assertEqual(self._call("PATCH", path, {}).status_code, 422)

    def test_departments_are_filtered_with_those_below(self):
        self.env["spp.attendance.department"].create(
            {"name": "Nutrition", "code": "NUTR", "company_id": self.company.id}
        )
        made = self._create(department="NUTR")
        self.assertEqual(made["department"]["name"], "Nutrition")
        names = [m["id"] for m in self._all("/machines", "department=NUTR")]
        self.assertEqual(names, [made["id"]])

    @mute_logger("odoo.http")
    def test_what_cannot_be_is_refused(self):
        for body, field in (
            ({"machine_type": "toaster"}, "machine_type"),
            ({"location": "Nowhere"}, "location"),
            ({"department": "Nobody"}, "department"),
            ({"poll_interval": 0}, "poll_interval"),
            ({"config": {"secret": "x" * 300}}, "config.secret"),
            ({"config": {"password": "x"}}, "config.password"),
            ({"config": {"timeout": 60, "deadline": 10}}, "config.timeout"),
            ({"config": {"timeout": 600}}, "config.timeout"),
            ({"user_id": 1}, "user_id"),
        ):
            with self.subTest(field):
                error = self._create(422, **body)["error"]
                self.assertEqual([f["field"] for f in error["fields"]], [field])
                self.assertNotIn("xxx", str(error))
        for body in (
            {"machine_type": "zkteco", "ip_address": "http://x/"},
            {"tz": "Mars/Olympus"},
            {"config": {"secret": "no number"}},
            {"config": {"encoding": "klingon"}},
        ):
            with self.subTest(str(body)):
                error = self._create(422, **body)["error"]
                self.assertNotIn("no number", error["message"])

    def test_one_with_scans_is_archived_and_gives_its_scans_to_nobody(self):
        self.store(scan())
        path = f"/machines/{self.device.id}"
        for _again in range(2):
            gone = self._ok("DELETE", path)
            self.assertEqual((gone["active"], gone["status"]), (False, "inactive"))
        self.assertEqual(len(self.scans_of()), 1)
        self.assertEqual(self._ok("GET", path)["active"], False)
        self.assertNotIn(self.device.id, self._ids())
        self.assertIn(self.device.id, self._ids("include_archived=true"))

    def _ids(self, params=""):
        return [item["id"] for item in self._all("/machines", params)]

    def test_filters_pages_and_order(self):
        self.device.active = False
        for number in range(5):
            self.new_device(name=f"G{number}", enabled=number != 3)
        ids = {m["name"]: m["id"] for m in self._all("/machines")}
        self.assertEqual(list(ids), ["G0", "G1", "G2", "G3", "G4"])
        for params, names in (
            ("sort=-name", ["G4", "G3", "G2", "G1", "G0"]),
            ("name=g2", ["G2"]),
            ("status=inactive", ["G3"]),
            ("status=active", ["G0", "G1", "G2", "G4"]),
            ("health=disabled&health=healthy", ["G3"]),
            ("machine_type=zkteco", []),
            (f"location={self.hall.id}", list(ids)),
            ("serial=none", []),
            ("updated_since=2999-01-01T00:00:00Z", []),
        ):
            with self.subTest(params):
                self.assertEqual(self._ids(params), [ids[name] for name in names])
        self.assertEqual(
            self._call("GET", "/machines", params="health=ill").status_code, 422
        )

    def test_pages_cost_the_same_whatever_they_hold(self):
        for number in range(6):
            device = self.new_device(name=f"G{number}")
            self.store(scan("nobody"), device=device)
        user = self.client.user_id
        few, many = MachineQuery(limit=1), MachineQuery(limit=6)
        machines = self.devices.with_user(user).with_context(
            allowed_company_ids=self.company.ids
        )
        machines._api_list(many)
        self.env.invalidate_all()
        with self.assertQueryCount(20):
            before = self.env.cr.sql_log_count
            machines._api_list(few)
            cost = self.env.cr.sql_log_count - before
        self.env.invalidate_all()
        with self.assertQueryCount(cost):
            machines._api_list(many)

    def test_test_tells_who_answers(self):
        FakeAdapter.answer = DeviceInfo(
            serial="S-9", model="Fake 1", firmware="2.0", users=4, records=3
        )
        for slash in ("", "/"):
            answer = self._ok("POST", f"/machines/{self.device.id}/test{slash}")
            self.assertTrue(answer["success"])
            self.assertEqual(answer["code"], "ok")
            self.assertEqual(
                (answer["info"]["serial"], answer["info"]["people_held"]), ("S-9", 4)
            )
            self.assertEqual(answer["machine"]["serial"], "S-9")
            self.assertTrue(answer["machine"]["is_connected"])
            self.assertTrue(answer["machine"]["last_sync"])

    def test_test_tells_what_is_wrong_and_what_to_do(self):
        FakeAdapter.answer = DeviceRefused("port 4370")
        answer = self._ok("POST", f"/machines/{self.device.id}/test")
        self.assertFalse(answer["success"])
        self.assertEqual(answer["code"], "refused")
        self.assertIn("port is closed", answer["message"])
        self.assertIsNone(answer["info"])
        machine = answer["machine"]
        self.assertEqual(machine["fault"]["code"], "refused")
        self.assertEqual(machine["fault"]["message"], answer["message"])
        self.assertTrue(machine["fault"]["at"])
        self.assertEqual((machine["status"], machine["fault_count"]), ("error", 1))
        self.assertEqual(self._ids("status=error"), [self.device.id])

    def test_who_is_read_is_not_tested(self):
        self.lease()
        answer = self._ok("POST", f"/machines/{self.device.id}/test")
        self.assertEqual((answer["success"], answer["code"]), (False, "busy"))
        # That is no fault of the terminal's.
        self.assertIsNone(answer["machine"]["fault"])

    def test_system_status(self):
        self.new_device(name="Off", enabled=False)
        self.store(scan(), scan("nobody"))
        for slash in ("", "/"):
            status = self._ok("GET", f"/system-status{slash}")
            self.assertEqual(
                {name: status["machines"][name] for name in ("total", "disabled")},
                {"total": 2, "disabled": 1},
            )
            self.assertEqual(status["machines"]["connected"], 1)
            self.assertTrue(status["machines"]["last_sync"])
            self.assertEqual(status["unmatched_scans"], 1)
            self.assertIn("unmatched_scans", [c["name"] for c in status["checks"]])

    def test_scopes(self):
        path = f"/machines/{self.device.id}"
        reader = self._token("devices:read")
        for method, below in (
            ("POST", "/machines"),
            ("PUT", path),
            ("PATCH", path),
            ("DELETE", path),
            ("POST", f"{path}/test"),
        ):
            response = self._call(method, below, {"name": "X"}, token=reader)
            self.assertEqual(response.status_code, 403, below)
            self.assertEqual(response.json()["error"]["code"], "insufficient_scope")
        for below in ("/machines", path, "/system-status"):
            self._ok("GET", below, token=reader)
        writer = self._token("devices:manage")
        self.assertEqual(self._call("GET", path, token=writer).status_code, 403)

    def test_other_companies_have_no_machines_here(self):
        other = self.new_device(
            company_id=self.other_company.id, location_id=self.other_hall.id
        )
        path = f"/machines/{other.id}"
        for method in ("GET", "DELETE"):
            self.assertEqual(self._call(method, path).status_code, 404)
        self.assertEqual(self._call("PATCH", path, {"name": "Mine"}).status_code, 404)
        self.assertNotIn(other.id, self._ids("include_archived=true"))
        self.assertEqual(
            self._call(
                "PATCH",
                f"/machines/{self.device.id}",
                {"location": self.other_hall.id},
            ).status_code,
            422,
        )

    def _key(self, user):
        keys = self.env["res.users.apikeys"].with_user(user)
        tomorrow = self.env.cr.now() + timedelta(days=1)
        return keys._generate("rpc", "Machines", tomorrow)

    def test_people_may_do_what_they_may_on_screen(self):
        key = self._key(self.officer)
        path = f"/machines/{self.device.id}"
        self.assertEqual(self._ok("GET", path, token=key)["id"], self.device.id)
        self._ok("GET", "/system-status", token=key)
        for method, below in (
            ("PATCH", path),
            ("DELETE", path),
            ("POST", f"{path}/test"),
        ):
            with mute_logger("odoo.addons.base.models.ir_model"):
                response = self._call(method, below, {"name": "X"}, token=key)
            self.assertEqual(response.status_code, 403, below)
        nobody = new_test_user(
            self.env,
            login="test-api-machines-nobody",
            groups="base.group_user",
            company_id=self.company.id,
            company_ids=[(6, 0, self.company.ids)],
        )
        key = self._key(nobody)
        with mute_logger("odoo.addons.base.models.ir_model"):
            self.assertEqual(self._call("GET", path, token=key).status_code, 403)

    def test_what_apps_with_terminals_may_not(self):
        user = self.client.user_id
        for model, operation in (
            # Of scans the live feed tells it.
            ("spp.attendance.scan", "write"),
            ("spp.attendance.device.command", "read"),
            ("spp.attendance.device.pending", "read"),
            ("spp.attendance.device.run", "read"),
            ("spp.attendance.device.user", "read"),
            ("spp.attendance.location", "write"),
        ):
            self.assertFalse(
                self.env[model].with_user(user).has_access(operation), model
            )
        device = self.device.with_user(user)
        self.assertFalse(device.secret_input)
        self.assertFalse(device._has_field_access(device._fields["secret"], "read"))
