"""The feed's signer, for HTTP clients that bring none. It is read by itself, without the client it belongs to."""

import importlib.util
import os
import time
from typing import TYPE_CHECKING, Protocol

from tools.bench.workload import FRAME, ROOT

if TYPE_CHECKING:
    from types import ModuleType


class _Signer(Protocol):
    def url(self, quoted_id: str) -> str: ...
    def headers(self, quoted_id: str, frame: bytes, now_s: float) -> list[str]: ...


class Signed:
    """Address and headers of a post, signed at the moment it is asked."""

    def __init__(self, url: str) -> None:
        module = _signer_module()
        self._quoted = module.quoted
        environment = os.environ
        self._signer: _Signer = module.Signer(
            url,
            environment["AWS_REGION"],
            environment["AWS_ACCESS_KEY_ID"],
            environment["AWS_SECRET_ACCESS_KEY"],
            environment["AWS_SESSION_TOKEN"],
        )

    def post(self, connection_id: str) -> tuple[str, dict[str, str]]:
        """The whole address, and the headers by name."""
        quoted_id = self._quoted(connection_id)
        lines = self._signer.headers(quoted_id, FRAME, time.time())
        return self._signer.url(quoted_id), dict(line.split(": ", 1) for line in lines)


def _signer_module() -> "ModuleType":
    spec = importlib.util.spec_from_file_location("signer", ROOT / "shared" / "gateway" / "signer.py")
    assert spec  # noqa: S101 - the file is there
    assert spec.loader  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
