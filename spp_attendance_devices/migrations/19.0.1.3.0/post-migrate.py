def migrate(cr, version):
    """Terminals that push are missed after two minutes: who watches comes by each
    minute, unless somebody has chosen another interval."""
    cr.execute(
        """
        UPDATE ir_cron c
           SET interval_number = 1
          FROM ir_model_data d
         WHERE d.module = 'spp_attendance_devices' AND d.name = 'ir_cron_watch'
           AND d.model = 'ir.cron' AND c.id = d.res_id
           AND c.interval_number = 5 AND c.interval_type = 'minutes'
        """
    )
