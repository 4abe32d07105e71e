def migrate(cr, version):
    """The local day of what was scanned before days were stored."""
    cr.execute(
        """
        UPDATE spp_attendance_scan s
           SET local_date = (s.scan_time AT TIME ZONE 'UTC' AT TIME ZONE d.tz)::date
          FROM spp_attendance_device d
         WHERE d.id = s.device_id AND s.scan_time IS NOT NULL
           AND s.local_date IS NULL
        """
    )
