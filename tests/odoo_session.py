"""A person's session in the backend, over HTTP, as the web client has it."""

from __future__ import annotations

import secrets
from typing import Any

import requests

from _suite.serve import Connection


class Session:
    """Calls public methods as a logged-in user.

    :raises AssertionError: when the login or a call is refused, with Odoo's message
    """

    def __init__(self, connection: Connection) -> None:
        self.url = connection.url
        self.http = requests.Session()
        self._rpc(
            "/web/session/authenticate",
            db=connection.database,
            login=connection.login,
            password=connection.password,
        )

    def call(self, model: str, method: str, *args: Any, **kwargs: Any) -> Any:
        """``env[model].method(*args, **kwargs)``."""
        return self._rpc(
            f"/web/dataset/call_kw/{model}/{method}",
            model=model,
            method=method,
            args=args,
            kwargs=kwargs,
        )

    def add_user(self, login: str, *groups: str, **more: Any) -> str:
        """Somebody who works in the backend, in groups of `spp_attendance`.

        :param more: further values of the user
        :return: the password
        """
        password = secrets.token_hex(12)
        names = (
            ("base", "group_user"),
            *(("spp_attendance", f"spp_attendance_group_{group}") for group in groups),
        )
        found = [
            self.call("ir.model.data", "check_object_reference", *name)[1]
            for name in names
        ]
        vals = {"name": login, "login": login, "password": password, **more}
        self.call("res.users", "create", [{**vals, "group_ids": [(6, 0, found)]}])
        return password

    def _rpc(self, path: str, **params: Any) -> Any:
        response = self.http.post(
            self.url + path,
            json={"jsonrpc": "2.0", "method": "call", "params": params},
            timeout=60,
        )
        answer = response.json()
        assert "error" not in answer, answer["error"]["data"]["message"]
        return answer.get("result")
