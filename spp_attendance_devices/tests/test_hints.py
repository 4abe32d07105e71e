from odoo.tests import BaseCase, tagged

from ..devices.errors import BY_CODE
from ..hints import HINTS


@tagged("post_install", "-at_install")
class TestHints(BaseCase):
    def test_every_fault_has_the_hint_of_the_core(self):
        self.assertEqual(
            {code: hint._source for code, hint in HINTS.items()},
            {code: cls.hint for code, cls in BY_CODE.items()},
        )
