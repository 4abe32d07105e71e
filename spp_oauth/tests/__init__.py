from . import (
    test_access,
    test_bearer,
    test_client,
    test_cursor,
    test_dispatcher,
    test_key,
    test_new_client,
    test_new_client_tour,
    test_openapi,
    test_retry,
    test_token_endpoint,
)
