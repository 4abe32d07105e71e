from . import (
    res_company,
    spp_attendance_connection_mixin,
    spp_attendance_device,
    spp_attendance_device_polling,
    spp_attendance_device_run,
    spp_attendance_device_user,
    spp_attendance_import_source,
    spp_attendance_location,
    spp_attendance_scan,
    spp_attendance_scan_badge,
    spp_oauth_health,
    spp_oauth_metrics,
)
