"""The address of an API's `@connections`."""

from typing import NamedTuple
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


class Endpoint(NamedTuple):
    """`authority` is the value of the Host header; a connection's ID is appended to `path`."""

    tls: bool
    host: str
    port: int
    authority: str
    path: str


def endpoint(connections_url: str) -> Endpoint:
    """Splits the address of a WebSocket API's stage: `https://{api}.execute-api.{region}.amazonaws.com/{stage}`.

    Raises:
        ValueError: it is not an http or https address with a host.
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
