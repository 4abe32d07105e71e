from odoo.tools.sql import column_exists, rename_column

TABLE = "spp_attendance_device"


def migrate(cr, version):
    """Terminals of all makes have a secret; health knows degraded and offline."""
    if column_exists(cr, TABLE, "comm_key"):
        rename_column(cr, TABLE, "comm_key", "secret")
    cr.execute(
        "UPDATE spp_attendance_device SET health = 'degraded'"
        " WHERE health = 'unhealthy'"
    )
