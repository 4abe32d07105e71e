from . import attendance_machine
