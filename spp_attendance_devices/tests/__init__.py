from . import (
    test_access,
    test_adapters,
    test_api_machines,
    test_badge,
    test_device,
    test_hints,
    test_import,
    test_operations,
    test_polling,
    test_register,
    test_scan,
)
