from . import (
    spp_attendance_device_ask,
    spp_attendance_device_people,
    spp_attendance_device_push_setup,
    spp_attendance_device_setup,
    spp_attendance_scan_assign,
    spp_attendance_settings,
)
