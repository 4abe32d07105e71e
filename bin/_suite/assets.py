"""Runs inside Odoo's shell: makes the files that a browser loads with the first pages.

The database has them then, and each clone of it. Odoo finds them by what they are made
of, so those of older sources are never served.
"""

qweb = env["ir.qweb"]  # noqa: F821 - given by the shell
for name in (
    "web.assets_frontend_minimal",
    "web.assets_frontend_lazy",
    "web.assets_web",
    "web.assets_backend_lazy",
    "bus.websocket_worker_assets",
):
    qweb._get_asset_bundle(name, css=False, js=True).js()
for name in (
    "web.assets_frontend",
    "web.assets_web",
    "web.assets_web_print",
    "web.assets_backend_lazy",
):
    qweb._get_asset_bundle(name, css=True, js=False).css()
env.cr.commit()  # noqa: F821
