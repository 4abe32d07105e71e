from . import (
    test_access,
    test_api,
    test_concurrency,
    test_ingest,
    test_oauth_client,
    test_operations,
    test_record,
    test_subscriber,
    test_portal,
    test_sheet_print,
    test_summary,
    test_uniqueness,
)
