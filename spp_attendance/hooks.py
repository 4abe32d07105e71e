def post_init_hook(env):
    """Give each company a shift by which it works."""
    # Also those that are archived: nobody makes them one when they are back.
    companies = env["res.company"].with_context(active_test=False)
    companies.search([])._make_attendance_shift()


def uninstall_hook(env):
    """Clear the way for Odoo, which deletes what has an external id one by one.

    Records, registers and lists of events hold on to their subscribers, and have none
    themselves.
    The contacts behind subscribers stay: they may serve elsewhere.
    """
    # What was told live is kept for a day.
    env.cr.execute(
        "DELETE FROM bus_bus WHERE strpos(channel, 'spp.attendance.live.channel') > 0"
    )
    env.cr.execute("DROP FUNCTION spp_attendance_sheet_notify() CASCADE")
    env.cr.execute("DELETE FROM spp_attendance_event")
    # Nobody acts as a kiosk any more.
    env.cr.execute(
        "UPDATE res_users SET active = FALSE"
        " WHERE id IN (SELECT user_id FROM spp_attendance_kiosk)"
    )
    env.cr.execute("DELETE FROM spp_attendance_kiosk_refusal")
    env.cr.execute("DROP FUNCTION spp_attendance_payroll_line_keep() CASCADE")
    env.cr.execute("DELETE FROM spp_attendance_payroll_line")
    env.cr.execute("DELETE FROM spp_attendance_payroll_period")
    env.cr.execute("DELETE FROM spp_attendance_day_change")
    env.cr.execute("DELETE FROM spp_attendance_correction")
    env.cr.execute("DELETE FROM spp_attendance_day")
    env.cr.execute("DELETE FROM spp_attendance_shift_assignment")
    env.cr.execute("DELETE FROM spp_attendance_record")
    env.cr.execute("DELETE FROM spp_attendance_register")
    env.cr.execute("DELETE FROM spp_attendance_kiosk")
    env["ir.model.data"].search(
        [("module", "=", "spp_attendance"), ("model", "=", "res.partner")]
    ).unlink()
    # Odoo names the choices of activities' fields as if they were the mail module's,
    # and so forgets to take their names away with them.
    env["ir.model.data"].search(
        [
            ("module", "=", "mail"),
            ("name", "=like", "selection__spp_attendance_%"),
            ("model", "=", "ir.model.fields.selection"),
        ]
    ).unlink()
