import json
import logging
import os
from unittest.mock import patch

from odoo.tests import BaseCase, tagged
from odoo.tools import config

from .. import hooks
from ..tools import json_log, no_database


@tagged("post_install", "-at_install")
class TestJsonLog(BaseCase):
    def record(self, message, *args, **options):
        factory = logging.getLogRecordFactory()
        level = options.pop("level", logging.INFO)
        exc_info = options.pop("exc_info", None)
        return factory("odoo.probe", level, __file__, 1, message, args, exc_info)

    def format(self, record):
        line = json_log.JsonFormatter().format(record)
        self.assertNotIn("\n", line)
        return json.loads(line)

    def test_a_line(self):
        record = self.record("%s is “%s”\nsays she", "Amina", "here")
        record.created = 0.25
        record.dbname = "register"
        record.perf_info = "\x1b[1;32m3\x1b[0m 0.001 0.002"
        self.assertEqual(
            self.format(record),
            {
                "time": "1970-01-01T00:00:00.250+00:00",
                "level": "INFO",
                "logger": "odoo.probe",
                "db": "register",
                "pid": os.getpid(),
                "message": "Amina is “here”\nsays she",
                "perf": "3 0.001 0.002",
            },
        )

    def test_the_level_is_without_colours(self):
        record = self.record("careful", level=logging.WARNING)
        record.levelname = "\x1b[1;33mWARNING\x1b[0m"
        self.assertEqual(self.format(record)["level"], "WARNING")

    def test_an_exception(self):
        error = ValueError("no\nway")
        record = self.record("failed", exc_info=(type(error), error, None))
        text = self.format(record)["exception"]
        self.assertEqual(text, "ValueError: no\nway")

    def test_an_answer(self):
        with self.assertLogs(json_log._access_logger, logging.INFO) as log:
            json_log.log_access(
                request_id="ab12",
                method="GET",
                route="/api/items/<int:number>",
                status=200,
                seconds=0.0123456,
                client_id=7,
            )
        entry = self.format(log.records[0])
        access = ("request_id", "method", "route", "status", "seconds", "client_id")
        self.assertEqual(
            [entry[name] for name in access],
            ["ab12", "GET", "/api/items/<int:number>", 200, 0.0123, 7],
        )
        self.assertIn("GET /api/items/<int:number> 200", entry["message"])

    def test_when_it_is_wanted(self):
        for environment, setting, wanted in (
            ("", None, False),
            ("1", None, True),
            ("true", None, True),
            ("0", None, False),
            ("", "True", True),
            ("", True, True),
            ("", "False", False),
            ("0", "True", False),
        ):
            with (
                self.subTest(environment=environment, setting=setting),
                patch.dict(os.environ, {"SPP_LOG_JSON": environment}),
                patch.dict(config.options, {"spp_log_json": setting}),
            ):
                self.assertIs(json_log.wanted(), wanted)

    def test_it_is_installed_where_it_is_wanted(self):
        handler = logging.StreamHandler()
        formatter = handler.formatter
        root = logging.getLogger()
        for value, kind in (("0", type(formatter)), ("1", json_log.JsonFormatter)):
            with (
                patch.object(root, "handlers", [handler]),
                patch.dict(os.environ, {"SPP_LOG_JSON": value}),
                patch.object(no_database, "install"),
            ):
                hooks.post_load()
            self.assertIs(type(handler.formatter), kind)
