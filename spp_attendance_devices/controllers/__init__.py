from . import attendance_machine, iclock
