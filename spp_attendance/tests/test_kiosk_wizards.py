import io
from datetime import timedelta

from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger
from odoo.tools.pdf import PdfFileReader

from ..qr import data_uri
from .common_kiosk import MORNING, KioskCase, mark

CARD = "spp_attendance.spp_attendance_kiosk_card_report"


@tagged("post_install", "-at_install")
class TestKioskWizards(KioskCase):
    """What people do with kiosks and with marks that wait."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.head = cls._new_user("head", "head")
        queues = {"unknown_policy": "queue", "mismatch_policy": "queue"}
        cls.kiosk.write(queues)
        cls.closed_kiosk = cls.new_kiosk(location_id=cls.closed_site.id, **queues)
        cls.other_kiosk = cls.new_kiosk(
            company_id=cls.other_company.id, location_id=cls.other_hall.id, **queues
        )

    def mark(self, identifier, name, kiosk=None, minutes=0):
        """A mark that waits for an officer."""
        # As it comes: in a transaction of its own, after all others.
        self.env.flush_all()
        given = mark(identifier, name, at=MORNING + timedelta(minutes=minutes))
        self.take(given, kiosk=kiosk)
        refusal = self.refusal_of(given)
        self.assertEqual(refusal.state, "queued")
        return refusal

    def as_user(self, user, records):
        return records.with_user(user).with_context(
            allowed_company_ids=user.company_ids.ids
        )

    def wizard(self, action, user=None):
        self.assertEqual(action["target"], "new")
        wizard = self.env[action["res_model"]].browse(action["res_id"])
        return self.as_user(user or self.officer, wizard)

    # ----------------------------------------------------------------- link

    def test_the_link_is_shown_with_its_code(self):
        for user in (self.manager, self.admin):
            kiosk = self.as_user(user, self.kiosk)
            wizard = self.wizard(kiosk.action_show_link(), user)
            with self.subTest(user=user.login):
                token = self.kiosk.sudo().token
                self.assertTrue(wizard.link.endswith(f"/kiosk/attendance/{token}"))
                self.assertEqual(wizard.qr_code, data_uri(wizard.link))

    def test_the_link_is_for_managers(self):
        for user in (self.officer, self.head, self.participant, self.internal):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.as_user(user, self.kiosk).action_show_link()
        with self.assertRaises(AccessError):
            wizard = self.as_user(self.manager, self.other_kiosk).action_show_link()
            self.wizard(wizard, self.manager).link  # noqa: B018 - reading it is the test

    def test_nobody_reads_what_another_was_shown(self):
        kiosk = self.as_user(self.manager, self.kiosk)
        action = kiosk.action_show_link()
        with self.assertRaises(AccessError):
            self.wizard(action, self.officer).read(["link"])

    def test_the_link_is_stored_with_the_kiosk_alone(self):
        wizard = self.wizard(self.kiosk.action_show_link(), self.env.user)
        for name in ("link", "qr_code"):
            self.assertFalse(wizard._fields[name].store)

    def test_address(self):
        parameters = self.env["ir.config_parameter"]
        for url, kind in (
            ("https://attendance.example.org", "secure"),
            ("http://attendance.example.org:8069", "plain"),
            ("http://localhost:8069", "local"),
            ("http://127.0.0.1", "local"),
        ):
            parameters.set_param("web.base.url", url)
            self.kiosk.invalidate_recordset(["address_kind"])
            with self.subTest(url=url):
                self.assertEqual(self.kiosk.address_kind, kind)

    def test_renew(self):
        kiosk = self.as_user(self.admin, self.kiosk)
        former = self.kiosk.sudo().token
        kiosks = self.env["spp.attendance.kiosk"]
        wizard = self.wizard(kiosk.action_renew_link(), self.admin)
        shown = self.wizard(wizard.action_renew(), self.admin)
        self.assertNotIn(former, shown.link)
        self.assertEqual(kiosks._find_by_token(former).id, kiosk.id)
        self.assertTrue(kiosk.previous_until)

        latest = self.kiosk.sudo().token
        wizard = self.wizard(kiosk.action_renew_link(), self.admin)
        wizard.former = "end"
        wizard.action_renew()
        for token in (former, latest):
            self.assertFalse(kiosks._find_by_token(token))

    def test_renew_is_for_administrators(self):
        for user in (self.manager, self.officer):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.as_user(user, self.kiosk).action_renew_link()

    def test_renew_asks_for_sensible_days(self):
        renewals = self.env["spp.attendance.kiosk.renew"]
        for days in (0, -1, 91):
            with self.subTest(days=days), self.assertRaises(ValidationError):
                renewals.create({"kiosk_id": self.kiosk.id, "keep_days": days})
        renewals.create({"kiosk_id": self.kiosk.id, "former": "end", "keep_days": 0})

    def test_card(self):
        report = self.env["ir.actions.report"].with_user(self.manager)
        report = report.with_context(
            allowed_company_ids=self.company.ids, force_report_rendering=True
        )
        quiet = mute_logger("odoo.addons.base.models.ir_actions_report")
        html, _kind = report._render_qweb_html(CARD, self.kiosk.ids)
        self.assertIn(self.kiosk.sudo().token.encode(), html)
        with self.allow_pdf_render(), quiet:
            content, kind = report._render_qweb_pdf(CARD, self.kiosk.ids)
        self.assertEqual(kind, "pdf")
        self.assertEqual(len(PdfFileReader(io.BytesIO(content)).pages), 1)
        with self.assertRaises(AccessError):
            report.with_user(self.officer)._render_qweb_html(CARD, self.kiosk.ids)

    # --------------------------------------------------------------- health

    def test_health(self):
        now = fields.Datetime.now()
        for seen, health in (
            (False, "never"),
            (now, "online"),
            (now - timedelta(hours=1), "offline"),
        ):
            self.kiosk.sudo().last_seen_at = seen
            with self.subTest(health=health):
                self.assertEqual(self.kiosk.health, health)
        for offset, is_off, clock in (
            (0, False, "right"),
            (119, False, "right"),
            (-3725, True, "1 h 2 min fast"),
            (600, True, "0 h 10 min slow"),
        ):
            self.kiosk.sudo().last_offset_seconds = offset
            with self.subTest(offset=offset):
                self.assertEqual(
                    (self.kiosk.is_clock_off, self.kiosk.clock), (is_off, clock)
                )

    def test_settings_are_for_administrators(self):
        self.as_user(self.admin, self.kiosk).name = "Back Door"
        for user in (self.manager, self.officer):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.as_user(user, self.kiosk).name = "Mine"

    def test_form_asks_for_a_code_of_attendants_alone(self):
        kiosks = self.as_user(self.admin, self.env["spp.attendance.kiosk"])
        form = Form(kiosks)
        form.name = "Counter"
        form.location_id = self.hall.with_env(kiosks.env)
        form.mode = "attendant"
        with self.assertRaises(AssertionError):
            form.save()  # the code is required
        form.attendant_code_input = "open sesame"
        kiosk = form.save()
        self.assertTrue(kiosk.attendant_code_set)
        self.assertFalse(kiosk.attendant_code_input)

    def test_rows_of_a_kiosk(self):
        self.mark("T-9", "Nobody")
        action = self.as_user(self.officer, self.kiosk).action_open_refusals()
        self.assertEqual(action["context"], {"search_default_queued": 1})
        self.assertEqual(action["domain"], [("kiosk_id", "=", self.kiosk.id)])
        self.assertFalse(self.closed_kiosk.action_open_refusals()["context"])
        action = self.as_user(self.officer, self.kiosk).action_open_records()
        self.assertEqual(action["res_model"], "spp.attendance.record")
        with self.assertRaises(AccessError):
            self.as_user(self.officer, self.closed_kiosk).action_open_records()

    def test_a_pin_is_cleared(self):
        person = self.as_user(self.officer, self.amina)
        person.pin_input = "4711"
        person.write({"name": "Okafor, Amina B."})
        self.assertTrue(person.pin_set)
        person.action_clear_pin()
        self.assertFalse(person.pin_set)
        with self.assertRaises(AccessError):
            self.as_user(self.head, self.amina).action_clear_pin()

    # ------------------------------------------------------------- deciding

    def test_who_is_likely(self):
        """The one with the identifier is proposed, those with the name are offered."""
        mismatch = self.as_user(self.officer, self.mark("T-2", "Joe Mwangi"))
        likely, sure = mismatch._candidates()
        self.assertEqual((likely[0], sure), (self.joseph, self.joseph))

        unknown = self.as_user(self.officer, self.mark("T-33", "grace DIALLO"))
        likely, sure = unknown._candidates()
        self.assertEqual((likely[0], len(sure)), (self.grace, 0))

        part = self.as_user(self.officer, self.mark("-3", "X"))
        likely, sure = part._candidates()
        self.assertIn(self.grace, likely)

        nobody = self.as_user(self.officer, self.mark("ZZZ", "Qqq Www"))
        self.assertEqual(tuple(map(len, nobody._candidates())), (0, 0))

    @freeze_time("2026-09-01 05:00:10")
    def test_a_badge_is_not_an_identifier(self):
        """Who is called like a badge is offered, not proposed; a badge can be given."""
        self.kiosk.write({"identification": "both", "unknown_policy": "queue"})
        guess, fresh = (
            mark(None, None, badge=badge, at=MORNING - timedelta(minutes=number))
            for number, badge in enumerate(("T-2", "04A2"))
        )
        self.take(guess, fresh)
        likely, sure = self.as_user(self.officer, self.refusal_of(guess))._candidates()
        self.assertEqual((likely[0], len(sure)), (self.joseph, 0))
        wizard = self.wizard(
            self.as_user(self.officer, self.refusal_of(fresh)).action_resolve()
        )
        self.assertFalse(wizard.new_identifier)
        wizard.write({"answer": "new", "new_identifier": "N-1", "new_name": "Sow, Awa"})
        wizard.action_accept()
        person = self.record_of(fresh).subscriber_id
        self.assertEqual((person.person_identifier, person.badge), ("N-1", "04A2"))
        later = mark(None, None, badge="04A2")
        self.assertEqual(self.take(later), ["noted"])
        self.assertEqual(self.record_of(later).subscriber_id, person)

    def test_accept_for_somebody_known(self):
        refusal = self.mark("T-33", "Grace Diallo")
        wizard = self.wizard(self.as_user(self.officer, refusal).action_resolve())
        self.assertEqual(wizard.candidate_ids[0], self.grace)
        with self.assertRaises(UserError):
            wizard.action_accept()  # of whom?
        wizard.subscriber_id = self.grace
        self.assertEqual(wizard.action_accept()["tag"], "soft_reload")
        record = refusal.record_id
        self.assertRecordValues(
            record,
            [
                {
                    "subscriber_id": self.grace.id,
                    "source": "kiosk",
                    "kiosk_id": self.kiosk.id,
                    "claimed_name": "Grace Diallo",
                    "external_id": refusal.uuid,
                    "local_time": "08:00:00",
                    "location_id": self.hall.id,
                }
            ],
        )
        self.assertEqual(
            (refusal.state, refusal.resolved_by), ("accepted", self.officer)
        )
        with self.assertRaises(UserError):
            self.as_user(self.officer, refusal).action_resolve()

    def test_accept_for_somebody_new(self):
        marks = self.mark("T-50", "Nekesa Wafula") | self.mark(
            "T-50", "Nekesa Wafula", minutes=5
        )
        wizard = self.wizard(self.as_user(self.officer, marks).action_resolve())
        self.assertEqual(wizard.refusal_ids, marks)
        wizard.answer = "new"
        self.assertEqual(
            (wizard.new_identifier, wizard.new_name, wizard.new_location_id),
            ("T-50", "Nekesa Wafula", self.hall),
        )
        wizard.action_accept()
        person = marks.subscriber_id
        self.assertEqual(
            (person.person_identifier, person.location_id, person.company_id),
            ("T-50", self.hall, self.company),
        )
        self.assertEqual(len(marks.record_id), 2)
        wizard = self.wizard(
            self.as_user(self.officer, self.mark("T-51", "A B")).action_resolve()
        )
        wizard.write({"answer": "new", "new_name": False})
        with self.assertRaises(UserError):
            wizard.action_accept()

    def test_one_identity_after_the_other(self):
        """What was typed alike is decided at once, then comes the next."""
        first = self.mark("T-50", "Nekesa Wafula") | self.mark(
            "T-50", "Nekesa Wafula", minutes=5
        )
        second, third = self.mark("T-51", "Otieno Were"), self.mark("T-2", "Joe Mwangi")
        done = self.mark("T-52", "Gone")
        done._dismiss()
        marks = self.as_user(self.officer, first | second | third | done)
        wizard = self.wizard(marks.action_resolve())
        self.assertEqual((wizard.refusal_ids, wizard.next_count), (first, 2))
        wizard = self.wizard(wizard.action_dismiss())
        self.assertEqual((wizard.refusal_ids, wizard.next_count), (second, 1))
        wizard = self.wizard(wizard.action_skip())
        self.assertEqual((wizard.refusal_ids, wizard.next_count), (third, 0))
        self.assertEqual(wizard.subscriber_id, self.joseph)
        self.assertEqual(wizard.action_accept()["tag"], "soft_reload")
        self.assertEqual(set(first.mapped("state")), {"dismissed"})
        self.assertEqual((second.state, third.state), ("queued", "accepted"))

    def test_somebody_else_was_faster(self):
        first, second = self.mark("T-50", "A B"), self.mark("T-51", "C D")
        wizard = self.wizard(
            self.as_user(self.officer, first | second).action_resolve()
        )
        self.as_user(self.manager, first | second)._dismiss()
        with self.assertRaises(UserError):
            wizard.action_dismiss()
        self.assertEqual(wizard.action_skip()["tag"], "soft_reload")

    def test_dismiss_many(self):
        marks = self.mark("T-50", "A B") | self.mark("T-51", "C D")
        marks[0]._dismiss()
        self.as_user(self.officer, marks).action_dismiss()
        self.assertEqual(set(marks.mapped("state")), {"dismissed"})
        self.assertEqual(marks[1].resolved_by, self.officer)

    def test_officers_decide_at_their_locations(self):
        closed = self.mark("T-50", "A B", kiosk=self.closed_kiosk)
        foreign = self.mark("T-50", "A B", kiosk=self.other_kiosk)
        own = self.mark("T-51", "A B")
        refusals = self.as_user(self.officer, self.env["spp.attendance.kiosk.refusal"])
        self.assertEqual(
            refusals.search([("kiosk_id", "!=", False)]).filtered(
                lambda mark: mark in own + closed + foreign
            ),
            own,
        )
        for refusal in (closed, foreign):
            for method in ("action_resolve", "action_dismiss"):
                with self.subTest(method=method), self.assertRaises(AccessError):
                    getattr(self.as_user(self.officer, refusal), method)()
        self.as_user(self.manager, closed).action_dismiss()
        for user in (self.head, self.participant, self.internal):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.as_user(user, own).action_resolve()

    def test_people_of_another_company_are_not_offered(self):
        likely, sure = self.mark("T-1", "Amina", kiosk=self.other_kiosk)._candidates()
        self.assertEqual(likely, self.stranger)
        self.assertEqual(sure, self.stranger)

    def test_statements_do_not_grow(self):
        """However many like it there are, proposing people takes as long."""
        refusal = self.as_user(self.officer, self.mark("S-", "Person"))
        counts = []
        for number in (10, 10, 40):
            self.amina.create(
                [
                    {
                        "person_identifier": f"S-{number}-{len(counts)}-{each}",
                        "name": f"Person {each}",
                        "company_id": self.company.id,
                    }
                    for each in range(number)
                ]
            )
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            refusal._candidates()
            counts.append(self.cr.sql_log_count - before)
        self.assertEqual(counts[1], counts[2])

    def test_name_of_a_mark(self):
        name = self.mark("T-50", "Nekesa Wafula").display_name
        self.assertIn("T-50", name)
        self.assertIn("Nekesa Wafula", name)
