from . import spp_attendance_record_void
