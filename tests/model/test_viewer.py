"""One viewer per IPv4 address or IPv6 /64, whatever the address looks like."""

import pytest

from shared.model.viewer import Viewer, viewer_of


@pytest.mark.parametrize(
    ("address", "viewer"),
    [
        ("203.0.113.7", Viewer("203.0.113.7", "203.0.113.0/24")),
        (" 203.0.113.255 ", Viewer("203.0.113.255", "203.0.113.0/24")),
        ("::ffff:203.0.113.7", Viewer("203.0.113.7", "203.0.113.0/24")),
        ("2001:db8:1:2:3:4:5:6", Viewer("2001:db8:1:2::/64", "2001:db8:1::/48")),
        ("2001:0DB8:0001:0002:ffff::1", Viewer("2001:db8:1:2::/64", "2001:db8:1::/48")),
        ("fe80::1%eth0", Viewer("fe80::/64", "fe80::/48")),
    ],
)
def test_a_viewer_is_an_address_or_its_64(address: str, viewer: Viewer) -> None:
    assert viewer_of(address) == viewer


@pytest.mark.parametrize("text", ["", "unknown", "203.0.113.7, 198.51.100.9", "203.0.113.7:443", "203.0.113.0/24", "1"])
def test_a_text_that_is_not_an_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        viewer_of(text)
