"""What each test would make anew, and need not.

Odoo forgets all that is cached after each test, so that the routes were found and keys
were read hundreds of times, which took longer than the tests did.
"""

import functools
from types import SimpleNamespace
from unittest.mock import patch

from passlib.context import CryptContext

from odoo import http

from odoo.addons.base.models.ir_http import IrHttp

from ..oauth import keys, secrets

_make_routes = IrHttp.routing_map
_routes = {}
_load_private = functools.cache(keys.load_private)


def share_routes_and_keys(case):
    """Let the tests of a class share with others what follows from its arguments.

    Routes follow from the addons and the controllers that there are.
    """

    def routing_map(self, key=None):
        controllers = sum(map(len, http.Controller.children_classes.values()))
        known = (self.env.cr.dbname, *sorted(self.pool._init_modules), controllers, key)
        if known not in _routes:
            _routes[known] = _make_routes(self, key)
        return _routes[known]

    case.startClassPatcher(patch.object(IrHttp, "routing_map", routing_map))
    case.startClassPatcher(patch.object(keys, "load_private", _load_private))


def retry_at_once(case):
    """Have requests that clash tried again as often as ever, but without a rest.

    Odoo rests for up to 30 seconds in all, as chance has it.
    """
    dice = SimpleNamespace(uniform=lambda _low, _high: 0.0)
    case.startClassPatcher(patch("odoo.service.model.random", dice))


def hash_quickly(case):
    """Have clients' secrets hashed in one round, as Odoo does with passwords in tests.

    The tests of `spp_oauth` itself hash as always.
    """
    quick = CryptContext(
        ["pbkdf2_sha512"], pbkdf2_sha512__rounds=1, pbkdf2_sha512__salt_size=32
    )
    case.startClassPatcher(patch.object(secrets, "_CONTEXT", quick))
