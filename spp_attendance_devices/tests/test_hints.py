from odoo.tests import TransactionCase, tagged

from ..devices.errors import BY_CODE
from ..devices.table import ADAPTERS
from ..hints import hints, makes, option_help, titles


@tagged("post_install", "-at_install")
class TestHints(TransactionCase):
    def test_every_fault_has_the_hint_of_the_core(self):
        self.assertEqual(
            hints(self.env(context={"lang": "en_US"})),
            {code: cls.hint for code, cls in BY_CODE.items()},
        )

    def test_every_fault_has_a_name(self):
        self.assertEqual(set(titles(self.env)), set(BY_CODE))

    def test_makes_are_called_as_in_the_core(self):
        env = self.env(context={"lang": "en_US"})
        for key, text in makes(env).items():
            self.assertEqual(text, ADAPTERS[key].label)

    def test_makes_are_called_in_the_language_of_who_looks(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.env["ir.module.module"]._load_module_terms(
            ["spp_attendance_devices"], ["fr_FR"]
        )
        devices = self.env["spp.attendance.device"].with_context(lang="fr_FR")
        names = dict(devices._selection_adapter())
        self.assertEqual(names["simulated"], "Simulé")
        self.assertEqual(names["zkteco"], "ZKTeco")

    def test_every_setting_of_a_make_is_explained(self):
        makes = {key for key, make in ADAPTERS.items() if make.capabilities.options}
        self.assertLessEqual(makes, set(option_help(self.env)))
