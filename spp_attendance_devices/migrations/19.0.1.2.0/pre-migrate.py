from odoo.tools.sql import column_exists, rename_column

TABLE = "spp_attendance_device"


def migrate(cr, version):
    """Terminals of all makes have a secret; health knows degraded and offline. A badge
    is somebody's for some days, and perhaps on all terminals."""
    if column_exists(cr, TABLE, "comm_key"):
        rename_column(cr, TABLE, "comm_key", "secret")
    cr.execute(
        "UPDATE spp_attendance_device SET health = 'degraded'"
        " WHERE health = 'unhealthy'"
    )
    # Of the same name, but without days.
    cr.execute(
        "ALTER TABLE spp_attendance_device_user DROP CONSTRAINT IF EXISTS"
        " spp_attendance_device_user_badge_unique"
    )
    cr.execute(
        "ALTER TABLE spp_attendance_device_user ALTER COLUMN device_id DROP NOT NULL"
    )
    # A new installation has it of those with a terminal only.
    cr.execute("DROP INDEX IF EXISTS spp_attendance_device_user__device_id_index")
