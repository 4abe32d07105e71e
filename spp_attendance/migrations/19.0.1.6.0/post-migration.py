from odoo import SUPERUSER_ID, api


def migrate(cr, version):
    """Give each company a shift by which it works, as a new one gets."""
    env = api.Environment(cr, SUPERUSER_ID, {})
    env["res.company"].with_context(active_test=False).search(
        []
    )._make_attendance_shift()
