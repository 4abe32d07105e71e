from . import (
    attendance_docs,
    attendance_operations,
    attendance_record,
    attendance_registry,
    attendance_subscriber,
    attendance_sheet,
    openspp_attendance,
    openspp_subscriber,
    portal,
)
