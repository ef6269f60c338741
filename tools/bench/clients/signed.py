"""The feed's signer for HTTP clients without one. It is loaded without the feed's own client."""

import importlib.util
import os
import time
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from tools.bench.workload import FRAME, ROOT

if TYPE_CHECKING:
    from types import ModuleType


SIGNATURE = ("Authorization", "X-Amz-Date", "X-Amz-Security-Token")


class _Signer(Protocol):
    def request(self, quoted_id: str, frame: bytes, now_s: float) -> bytes: ...


class Signed:
    """Posts that are signed when they are requested."""

    def __init__(self, url: str) -> None:
        module = _gateway_module("signer")
        self._origin = "://".join(urlsplit(url)[:2])
        self._quoted = module.quoted
        environment = os.environ
        self._signer: _Signer = module.Signer(
            _gateway_module("endpoint").endpoint(url),
            environment["AWS_REGION"],
            environment["AWS_ACCESS_KEY_ID"],
            environment["AWS_SECRET_ACCESS_KEY"],
            environment["AWS_SESSION_TOKEN"],
        )

    def post(self, connection_id: str) -> tuple[str, dict[str, str]]:
        """Return the URL and the headers by name."""
        head = self.request(connection_id).partition(b"\r\n\r\n")[0].decode()
        first, *lines = head.split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        return self._origin + first.split(" ")[1], {name: headers[name] for name in SIGNATURE if name in headers}

    def request(self, connection_id: str) -> bytes:
        """Return a complete request as sent on the wire."""
        return self._signer.request(self._quoted(connection_id), FRAME, time.time())


def _gateway_module(name: str) -> "ModuleType":
    spec = importlib.util.spec_from_file_location(name, ROOT / "shared" / "gateway" / f"{name}.py")
    assert spec  # noqa: S101 - the file is there
    assert spec.loader  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
