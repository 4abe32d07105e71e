from . import (
    base_partner_merge,
    spp_attendance_conflict,
    spp_attendance_conflict_void,
    spp_attendance_event_expect,
    spp_attendance_portal_access,
    spp_attendance_record_export,
    spp_attendance_record_void,
    spp_attendance_settings,
    spp_attendance_sheet_print,
    spp_attendance_subscriber_merge,
    spp_attendance_subscriber_register,
    spp_oauth_client_new,
)
