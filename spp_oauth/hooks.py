from .tools import json_log, no_database


def post_load():
    """Log in JSON where that is wanted; answer for the API without a database."""
    if json_log.wanted():
        json_log.install()
    no_database.install()


def uninstall_hook(env):
    """Leave no parameter of ours behind; they have no external ids."""
    env["ir.config_parameter"].search([("key", "=like", r"spp\_oauth.%")]).unlink()
