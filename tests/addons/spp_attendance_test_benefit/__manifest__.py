{
    "name": "Attendance: Test of Other Modules",
    "version": "19.0.1.0.0",
    "summary": "Pays by attendance, as a benefit module would; for tests only",
    "category": "Hidden/Tests",
    "author": "Attendance Suite Contributors",
    "website": "https://github.com/attendance-suite/attendance-suite",
    "license": "LGPL-3",
    "depends": ["spp_attendance"],
    "data": ["security/ir.model.access.csv"],
}
