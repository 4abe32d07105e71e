from . import attendance_record
