"""Where an API's `@connections` are."""

from typing import NamedTuple
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


class Endpoint(NamedTuple):
    """`authority` is what the Host header says, `path` ends where a connection's ID begins."""

    tls: bool
    host: str
    port: int
    authority: str
    path: str


def endpoint(connections_url: str) -> Endpoint:
    """The parts of the address of a WebSocket API's stage, as `https://{api}.execute-api.{region}.amazonaws.com/{stage}`.

    Raises:
        ValueError: it is no such address.
    """
    parts = urlsplit(connections_url)
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise ValueError(f"not the address of a WebSocket API's connections: {connections_url!r}")
    port = DEFAULT_PORTS[parts.scheme]
    authority = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if parts.port and parts.port != port:
        port = parts.port
        authority = f"{authority}:{port}"
    path = "/".join(["", *filter(None, parts.path.split("/")), "@connections", ""])
    return Endpoint(parts.scheme == "https", parts.hostname, port, authority, path)
