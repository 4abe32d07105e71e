from . import (
    res_company,
    res_partner,
    spp_attendance_location,
    spp_attendance_record,
    spp_attendance_settings,
    spp_attendance_subscriber,
    spp_attendance_type,
    spp_oauth_client,
)
