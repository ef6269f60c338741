"""What every client posts: one frame of 2 KB to realistic connection ids, with a Lambda role's credentials."""

import os
import string
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
REGION = "ca-central-1"
_PRICE = b'"BTC-CAD":{"bid":"94231.18","ask":"94240.02","spot":"94235.60"},'
_HEAD, _TAIL = b'{"event":"update","channel":"rates","seq":1,"data":{', b'"end":{}}}'
FRAME = _HEAD + (_PRICE * 40)[: 2048 - len(_HEAD) - len(_TAIL)] + _TAIL  # 2,048 bytes; nobody parses it
# As long as a role's token and with its characters: it is part of every request and signature.
SESSION_TOKEN = ((string.ascii_letters + string.digits + "+/") * 16)[:998] + "=="


def environment() -> dict[str, str]:
    """Return this process's environment with fake credentials and without a proxy."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AWS_") and not name.lower().endswith("_proxy")
    }
    return inherited | {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        "AWS_SESSION_TOKEN": SESSION_TOKEN,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONPATH": str(ROOT),
    }


def connection_id(number: int) -> str:
    """Return an id as long as the service's, with its `=`, which a path must escape."""
    return f"L{number:010d}Ab4="


class ConnectionIds(Iterator[str]):
    """A number of ids, or ids for a number of seconds from now. `taken` counts those taken."""

    def __init__(self, *, posts: int | None = None, seconds: float | None = None) -> None:
        self._posts = sys.maxsize if posts is None else posts
        self._ends = time.perf_counter() + (float("inf") if seconds is None else seconds)
        self.taken = 0

    def __next__(self) -> str:
        if self.taken >= self._posts or time.perf_counter() >= self._ends:
            raise StopIteration
        self.taken += 1
        return connection_id(self.taken)
