from odoo.tests import TransactionCase, tagged

from ..devices.errors import BY_CODE
from ..devices.table import ADAPTERS
from ..hints import hints, option_help, titles


@tagged("post_install", "-at_install")
class TestHints(TransactionCase):
    def test_every_fault_has_the_hint_of_the_core(self):
        self.assertEqual(
            hints(self.env(context={"lang": "en_US"})),
            {code: cls.hint for code, cls in BY_CODE.items()},
        )

    def test_every_fault_has_a_name(self):
        self.assertEqual(set(titles(self.env)), set(BY_CODE))

    def test_every_setting_of_a_make_is_explained(self):
        makes = {key for key, make in ADAPTERS.items() if make.capabilities.options}
        self.assertLessEqual(makes, set(option_help(self.env)))
