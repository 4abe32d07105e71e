from . import (
    report_badge_card,
    report_kiosk_card,
    report_register_muster,
    report_register_sheet,
    report_timesheet,
)
