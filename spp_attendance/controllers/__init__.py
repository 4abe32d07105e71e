from . import (
    attendance_docs,
    attendance_import,
    attendance_operations,
    attendance_record,
    attendance_registry,
    attendance_sheet,
    attendance_subscriber,
    kiosk,
    openspp_attendance,
    openspp_subscriber,
    portal,
)
