from odoo.tools.sql import column_exists, rename_column

TABLE = "spp_attendance_device"


def migrate(cr, version):
    """Terminals of all makes have a secret; health knows degraded and offline. A badge
    may be somebody's on all terminals."""
    if column_exists(cr, TABLE, "comm_key"):
        rename_column(cr, TABLE, "comm_key", "secret")
    cr.execute(
        "UPDATE spp_attendance_device SET health = 'degraded'"
        " WHERE health = 'unhealthy'"
    )
    # A new installation has it of badges with a terminal only; Odoo looks at the name.
    cr.execute("DROP INDEX IF EXISTS spp_attendance_device_user__device_id_index")
