from . import (
    res_company,
    res_partner,
    spp_attendance_event,
    spp_attendance_event_line,
    spp_attendance_event_mark,
    spp_attendance_location,
    spp_attendance_record,
    spp_attendance_record_change,
    spp_attendance_settings,
    spp_attendance_subscriber,
    spp_attendance_type,
    spp_oauth_client,
)
