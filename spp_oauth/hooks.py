from .tools import json_log


def post_load():
    """Log in JSON from here on, where that is wanted."""
    if json_log.wanted():
        json_log.install()


def uninstall_hook(env):
    """Leave no parameter of ours behind; they have no external ids."""
    env["ir.config_parameter"].search([("key", "=like", r"spp\_oauth.%")]).unlink()
