{
    "name": "Attendance Suite: Probe for Benchmarks",
    "version": "19.0.1.0.0",
    "summary": "Routes that do next to nothing, for bin/bench to call",
    "category": "Hidden",
    "author": "Attendance Suite Contributors",
    "website": "https://github.com/attendance-suite/attendance-suite",
    "license": "LGPL-3",
    "depends": ["spp_oauth"],
}
