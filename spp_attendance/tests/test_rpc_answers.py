import ast
import inspect
import textwrap

from freezegun import freeze_time

from odoo.tests import tagged

from odoo.addons.rpc.controllers.xmlrpc import dumps

from .common_day import DayCase


@tagged("post_install", "-at_install")
@freeze_time("2026-09-20 09:00:00")
class TestRpcAnswers(DayCase):
    """What apps call by XML-RPC answers something: None is a fault there."""

    def test_every_button_answers(self):
        silent = set()
        for model in self.registry.values():
            for name, function in inspect.getmembers(model, inspect.isfunction):
                if name.startswith("action_") and function.__module__.startswith(
                    "odoo.addons.spp_attendance"
                ):
                    source = textwrap.dedent(inspect.getsource(function))
                    if not self._answers(ast.parse(source).body[0]):
                        silent.add(function.__qualname__)
        self.assertFalse(silent)

    def _answers(self, function):
        """Whether a function ends by a value, or an error, and never without one."""
        if not isinstance(function.body[-1], ast.Return | ast.Raise):
            return False
        values = [
            node.value for node in ast.walk(function) if isinstance(node, ast.Return)
        ]
        return all(
            value is not None
            and not (isinstance(value, ast.Constant) and value.value is None)
            for value in values
        )

    def test_days_and_corrections(self):
        self.read("2026-09-01", "08:20 in", "17:00 out")
        self.compute()
        day = self.day("2026-09-01")
        for name in ("action_recompute", "action_lock", "action_unlock"):
            self.assertIn("<boolean>1</boolean>", dumps((getattr(day, name)(),)), name)
        corrections = self.env["spp.attendance.correction"].create(
            [
                {
                    "subscriber_id": self.worker.id,
                    "date": "2026-09-01",
                    "kind": "forgive",
                    "reason": "Rain",
                }
                for _number in range(2)
            ]
        )
        for correction, name in zip(
            corrections, ("action_cancel", "action_approve"), strict=True
        ):
            for step in ("action_submit", name):
                answer = dumps((getattr(correction, step)(),))
                self.assertIn("<boolean>1</boolean>", answer, step)
