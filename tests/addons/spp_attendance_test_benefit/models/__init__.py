from . import spp_attendance_test_benefit
