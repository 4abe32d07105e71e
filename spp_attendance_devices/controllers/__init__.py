from . import attendance_machine, hikvision_push, iclock
