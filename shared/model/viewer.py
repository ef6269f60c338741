"""The viewer at the other end of a connection: an address with the block around it, or the subject of a token."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

# A household or a machine gets a whole /64 of IPv6 addresses and can use any of them, its provider's customer a /48.
# https://datatracker.ietf.org/doc/html/rfc6177#section-2
VIEWER_BITS = {4: 32, 6: 64}
BLOCK_BITS = {4: 24, 6: 48}
SUBJECT = "sub:"  # no address begins like this


@dataclass(frozen=True, slots=True)
class Viewer:
    """`name`: an IPv4 address, or the /64 of an IPv6 address; `block`: the /24 or /48 around it. A subject has
    its name after `sub:` in both."""

    name: str
    block: str

    @property
    def is_subject(self) -> bool:
        """Whether it is known by its token, so its block is itself."""
        return self.name.startswith(SUBJECT)


def viewer_of(address: str) -> Viewer:
    """The viewer with this IP address.

    Raises:
        ValueError: the text is not an IP address.
    """
    found: IPv4Address | IPv6Address = ip_address(address.strip())
    if isinstance(found, IPv6Address):
        found = found.ipv4_mapped or IPv6Address(int(found))  # without the name of an interface
    return Viewer(_network(found, VIEWER_BITS), _network(found, BLOCK_BITS))


def viewer_of_subject(subject: str) -> Viewer:
    """The viewer with a token for this subject, wherever it connects from."""
    return Viewer(SUBJECT + subject, SUBJECT + subject)


def viewer_named(name: str) -> Viewer:
    """The viewer with this name.

    Raises:
        ValueError: the text is not the name of a viewer.
    """
    return Viewer(name, name) if name.startswith(SUBJECT) else viewer_of(name.partition("/")[0])


def _network(address: IPv4Address | IPv6Address, bits: dict[int, int]) -> str:
    length = bits[address.version]
    return str(address) if length == address.max_prefixlen else str(ip_network((address, length), strict=False))
