from . import base_partner_merge, spp_attendance_record_void, spp_oauth_client_new
from . import spp_attendance_portal_access
from . import spp_attendance_sheet_print
