from . import attendance_operations, attendance_record
