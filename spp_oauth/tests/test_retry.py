from unittest.mock import patch

from psycopg2.errors import DeadlockDetected, SerializationFailure

from odoo.tests import TransactionCase

from ..tools.retry import run_in_transaction

PARAMETER = "spp_oauth.test_retry"


class TestRunInTransaction(TransactionCase):
    def setUp(self):
        super().setUp()
        self.registry_enter_test_mode()
        sleep = patch("odoo.addons.spp_oauth.tools.retry.time.sleep")
        self.sleep = sleep.start()
        self.addCleanup(sleep.stop)
        self.runs = 0

    def work(self, env, *failures):
        """Write the number of the run, then fail as many times as told."""
        self.runs += 1
        env["ir.config_parameter"].set_param(PARAMETER, str(self.runs))
        env.flush_all()
        if self.runs <= len(failures):
            raise failures[self.runs - 1]
        return env

    def written(self):
        self.env.invalidate_all()
        self.registry.clear_cache("stable")
        return self.env["ir.config_parameter"].get_param(PARAMETER)

    def test_result_is_committed(self):
        env = run_in_transaction(
            self.env, self.work, uid=self.env.ref("base.user_admin").id
        )
        self.assertEqual(env.uid, self.env.ref("base.user_admin").id)
        self.assertFalse(env.su)
        self.assertEqual(self.written(), "1")
        self.sleep.assert_not_called()

    def test_context_and_default_user(self):
        env = run_in_transaction(self.registry, self.work, context={"lang": "fr_FR"})
        self.assertEqual(env.context, {"lang": "fr_FR"})
        self.assertTrue(env.su)

    def test_concurrency_is_retried(self):
        run_in_transaction(
            self.registry,
            lambda env: self.work(env, SerializationFailure(), DeadlockDetected()),
        )
        self.assertEqual(self.runs, 3)
        self.assertEqual(self.written(), "3")
        self.assertEqual(self.sleep.call_count, 2)

    def test_it_gives_up(self):
        failures = [SerializationFailure() for _ in range(5)]
        with self.assertRaises(SerializationFailure):
            run_in_transaction(
                self.registry, lambda env: self.work(env, *failures), attempts=3
            )
        self.assertEqual(self.runs, 3)
        self.assertFalse(self.written())

    def test_other_failures_pass_through(self):
        with self.assertRaises(ZeroDivisionError):
            run_in_transaction(
                self.registry, lambda env: self.work(env, ZeroDivisionError())
            )
        self.assertEqual(self.runs, 1)
        self.assertFalse(self.written())
