from . import spp_attendance_scan_assign
