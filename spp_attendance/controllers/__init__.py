from . import attendance_docs, attendance_operations, attendance_record, portal
