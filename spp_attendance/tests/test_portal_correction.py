from lxml import html

from odoo.http import Request
from odoo.tests import HttpCase, tagged

from .test_correction import DAY, CorrectionCase

PATH = "/my/attendance/corrections"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 16


@tagged("post_install", "-at_install")
class TestPortalCorrection(HttpCase, CorrectionCase):
    """Somebody with a portal login asks for a correction of his own day."""

    def setUp(self):
        super().setUp()
        self.read(DAY, "08:20 in", person=self.person.person_identifier)
        self.compute()
        self.authenticate(self.participant.login, self.participant.login)

    def send(self, files=None, path=f"{PATH}/new", **values):
        values = {
            "date": DAY,
            "kind": "missing_punch",
            "check_out": "17:30",
            "reason": "The gate was closed",
            **values,
        }
        response = self.url_open(
            path,
            data={**values, "csrf_token": Request.csrf_token(self)},
            files=files,
        )
        self.env.invalidate_all()
        return response, html.fromstring(response.text)

    def own(self):
        return self.env["spp.attendance.correction"].search(
            [("subscriber_id", "=", self.person.id)]
        )

    def test_asked_and_seen(self):
        page = html.fromstring(self.url_open(f"{PATH}/new?date={DAY}").text)
        self.assertIn("08:20", page.text_content())
        self.assertEqual(page.xpath("//input[@name='date']/@value"), [DAY])
        response, page = self.send(files={"evidence": ("letter.png", PNG, "text/html")})
        self.assertTrue(response.url.endswith(PATH))
        correction = self.own()
        self.assertEqual(correction.state, "submitted")
        self.assertEqual(correction.create_uid, self.participant)
        self.assertEqual(correction.activity_ids.user_id, self.head)
        self.assertEqual(correction.attachment_ids.mimetype, "image/png")
        self.assertEqual(
            correction.attachment_ids.with_user(self.head).raw, PNG, "who decides"
        )
        [row] = page.find_class("o_attendance_correction")
        self.assertIn("The gate was closed", row.text_content())
        self.assertIn("To Be Decided", row.text_content())
        correction.with_user(self.head).with_context(
            allowed_company_ids=self.company.ids
        )._refuse("The camera shows otherwise")
        page = html.fromstring(self.url_open(PATH).text)
        self.assertIn("The camera shows otherwise", page.text_content())

    def test_what_is_wrong_is_said_and_nothing_kept(self):
        for values, files, message in (
            ({"date": ""}, None, "which day"),
            ({"date": "soon"}, None, "which day"),
            ({"reason": " "}, None, "reason"),
            ({"kind": "other"}, None, "what is wrong"),
            ({"check_out": ""}, None, "Enter a check-in or"),
            ({"check_out": "08:00"}, None, "after check-in"),
            ({"kind": "status", "status": "holiday"}, None, "which status"),
            ({}, {"evidence": ("a.html", b"<script/>", "image/png")}, "not a PDF"),
        ):
            with self.subTest(values=values):
                _response, page = self.send(files, **values)
                [alert] = page.find_class("alert-danger")
                self.assertIn(message, alert.text_content())
                typed = page.xpath("//textarea[@name='reason']")[0].text or ""
                self.assertEqual(
                    typed.strip(), values.get("reason", "The gate was closed").strip()
                )
        self.assertFalse(self.own())

    def test_taken_back(self):
        self.send()
        self.send(path=f"{PATH}/{self.own().uuid}/cancel")
        self.assertEqual(self.own().state, "cancelled")

    def test_not_for_others(self):
        theirs = self.ask(user=self.officer, person=self.worker, check_in="08:00")
        page = html.fromstring(self.url_open(PATH).text)
        self.assertFalse(page.find_class("o_attendance_correction"))
        self.send(path=f"{PATH}/{theirs.uuid}/cancel")
        self.assertEqual(theirs.state, "submitted")
        # A person in the form doesn't matter.
        self.send(subscriber_id=self.worker.id)
        self.assertEqual(self.own().subscriber_id, self.person)

    def test_what_no_text_can_hold(self):
        self.send(reason="The gate\0 was closed")
        self.assertEqual(self.own().reason, "The gate was closed")
        response, _page = self.send(path=f"{PATH}/1/cancel")
        self.assertEqual(response.status_code, 404)
        response, _page = self.send(files={"reason": ("a.png", PNG)})
        self.assertEqual(response.status_code, 200)

    def test_without_days(self):
        self.person.level_of_work = False
        page = html.fromstring(self.url_open(PATH).text)
        self.assertIn("nothing to correct", page.text_content())
        self.assertFalse(page.xpath("//a[contains(@href, '/corrections/new')]"))
        _response, page = self.send()
        self.assertFalse(self.own())
