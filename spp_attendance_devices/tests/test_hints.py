from odoo.tests import TransactionCase, tagged

from ..devices.errors import BY_CODE
from ..hints import hints


@tagged("post_install", "-at_install")
class TestHints(TransactionCase):
    def test_every_fault_has_the_hint_of_the_core(self):
        self.assertEqual(
            hints(self.env(context={"lang": "en_US"})),
            {code: cls.hint for code, cls in BY_CODE.items()},
        )
