from .tools import json_log, no_database


def post_load():
    """Log in JSON where that is wanted; answer for the API without a database."""
    if json_log.wanted():
        json_log.install()
    no_database.install()


def uninstall_hook(env):
    """Leave nothing of ours behind that has no external id."""
    env.cr.execute("DROP FUNCTION IF EXISTS spp_oauth_client_status")
    env["ir.config_parameter"].search([("key", "=like", r"spp\_oauth.%")]).unlink()
