def uninstall_hook(env):
    """Clear the way for Odoo, which deletes what has an external id one by one.

    Records and lists of events hold on to their subscribers, and have none themselves.
    The contacts behind subscribers stay: they may serve elsewhere.
    """
    env.cr.execute("DROP FUNCTION spp_attendance_sheet_notify() CASCADE")
    env.cr.execute("DELETE FROM spp_attendance_event")
    env.cr.execute("DELETE FROM spp_attendance_record")
    env["ir.model.data"].search(
        [("module", "=", "spp_attendance"), ("model", "=", "res.partner")]
    ).unlink()
