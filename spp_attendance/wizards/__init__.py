from . import (
    base_partner_merge,
    spp_attendance_conflict_void,
    spp_attendance_record_void,
    spp_oauth_client_new,
)
