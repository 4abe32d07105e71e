"""Where clients may call from."""

import pytest
from oauth import networks


@pytest.mark.parametrize(
    ("allowed", "address", "expected"),
    [
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("10.0.0.0/8, 192.0.2.7", "192.0.2.7", True),
        ("10.0.0.0/8", "::ffff:10.1.2.3", True),
        ("2001:db8::/32", "2001:db8::1", True),
        ("2001:db8::/32", "2001:db9::1", False),
        ("10.0.0.0/8", "2001:db8::1", False),
        ("2001:db8::/32", "10.1.2.3", False),
        ("10.0.0.0/8", None, False),
        ("10.0.0.0/8", "", False),
        ("10.0.0.0/8", "unknown", False),
        ("0.0.0.0/0", "203.0.113.9", True),
    ],
)
def test_contains(allowed, address, expected):
    assert networks.contains(allowed, address) is expected
