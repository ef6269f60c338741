"""The longest bodies that sources may send, in the shapes that take the most memory: the ingest stays within its own.

The ingest runs in a process of its own, with its imports and all its sources, as in a Lambda.
"""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

import pytest

from infra.ingest import MEMORY_MB
from shared.sources.all_histories import HISTORIES
from shared.sources.all_sources import SOURCES
from shared.sources.upstream import MAX_BODY_BYTES
from tests.sources.test_upstream import respond, server
from tools.bench.import_time import every_setting

PATHS = {source.path: source for source in (make() for make in SOURCES)}
TICKS = 2
LEFT_FOR_THE_TICK_MB = 64  # snapshots and frames, which this process does not have

# Asks all sources at once, each time at a new pace, and prints what the process has used at most, in MB.
INGEST = f"""
import json, resource, time
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
from functions.ingest import handler
peak = lambda: int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 1024
peaks, errors = [peak()], []
for tick in range({TICKS}):
    for poller in handler.sources._pollers:
        poller._paced_until_ms = 0
        poller._state = type(poller._state)()
    polled = handler.sources.poll(60)
    peaks.append(peak())
    errors.append({{name: state.error for name, state in polled.states.items()}})
print(json.dumps([peaks, errors]))
"""


def repeated(part: bytes, size: int) -> bytes:
    """Return a list of that many bytes, of the same parts."""
    return b"[" + b",".join([part] * ((size - 2) // (len(part) + 1))) + b"]"


SHAPES: dict[str, Callable[[int], bytes]] = {
    "[],[],": partial(repeated, b"[]"),
    '{"":0},': partial(repeated, b'{"":0}'),
    "1.1,1.1,": partial(repeated, b"1.1"),
    "[[[[": lambda size: b"[" * size,
    "nested 900 deep": lambda size: repeated(b"[" * 900 + b"]" * 900, size),
}


def environment(url: str) -> dict[str, str]:
    known = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {
        **known,
        **every_setting(),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "ca-central-1",
        "POWERTOOLS_SERVICE_NAME": "test",
        "POWERTOOLS_METRICS_NAMESPACE": "cadfeed",
        **{f"{source.name.upper()}_BASE_URL": url for source in PATHS.values()},
    }


def run(make: Callable[[int], bytes], extra: int = 0) -> tuple[list[float], list[dict[str, str]]]:
    """Return the process's peaks in MB, first that of its imports, and the sources' errors in each tick."""
    bodies = {path: make(source.max_body_bytes + extra) for path, source in PATHS.items()}
    return polled(lambda request: respond(200, bodies[urlsplit(request.path).path])(request))


def polled(answer: Callable[[BaseHTTPRequestHandler], None]) -> tuple[list[float], list[dict[str, str]]]:
    def until_refused(request: BaseHTTPRequestHandler) -> None:
        with suppress(ConnectionError):  # the client closes it before its end
            answer(request)

    with server(until_refused) as url:
        command = [sys.executable, "-c", INGEST]
        done = subprocess.run(command, env=environment(url), capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr[-2000:]
    peaks, errors = json.loads(done.stdout.splitlines()[-1])
    return peaks, errors


@pytest.mark.parametrize("shape", SHAPES)
def test_the_ingest_keeps_within_its_memory(shape: str) -> None:
    """All sources answer at the same time, each with the longest body that it may send."""
    peaks, errors = run(SHAPES[shape])
    print(f"{shape:16} imports {peaks[0]:.0f} MB, peaks of {TICKS} ticks {[round(peak) for peak in peaks[1:]]} MB")
    assert all("bytes" not in error for tick in errors for error in tick.values())
    assert all(error for tick in errors for error in tick.values())  # none has a price
    assert peaks[-1] <= MEMORY_MB - LEFT_FOR_THE_TICK_MB
    assert peaks[-1] - peaks[1] <= 32  # nothing of an answer stays


def test_a_longer_body_is_refused_by_each_source() -> None:
    peaks, errors = run(SHAPES["[],[],"], extra=4)
    assert errors[0] == {
        source.name: f"an answer of more than {source.max_body_bytes} bytes" for source in PATHS.values()
    }
    assert peaks[-1] - peaks[0] <= 32  # it is not parsed


def test_a_small_body_that_is_compressed_does_not_take_more() -> None:
    """Sixty-four megabytes that travel as sixty-four kilobytes."""
    bomb = gzip.compress(b" " * 64_000_000)
    peaks, errors = polled(respond(200, bomb, Content_Encoding="gzip"))
    print(f"compressed       imports {peaks[0]:.0f} MB, peaks {[round(peak) for peak in peaks[1:]]} MB")
    assert all("more than" in error for error in errors[0].values())
    assert peaks[-1] - peaks[0] <= 32


def test_every_source_has_a_bound_that_fits_what_it_sends() -> None:
    bounds = {source.name: source.max_body_bytes for source in PATHS.values()}
    assert bounds["binance"] == max(bounds.values()) == 2_000_000
    assert bounds["kraken"] == 750_000
    assert sum(bounds.values()) < 3_500_000
    assert all(bound > MAX_BODY_BYTES / 10 for bound in bounds.values())
    assert all(history().max_body_bytes < 1_000_000 for history in HISTORIES)
