"""Unchanged clients by others: each subscribes over wss, with the stack's own CA, and meets the same checks.

All listen at once; each program runs once for `rates` and once for `rates_batch`.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from shared.model.assets import catalogue
from tests import schemas
from tests.e2e.foreign import FOREIGN, NODE, NODE_MODULES, Line, Program, running
from tests.e2e.local_stack import ROOT, Stack
from tools.browser import CHROMIUM, NO_CHROMIUM

PLAIN = '{"event":"subscribe","channel":"rates"}'
BATCH = {"event": "subscribe", "channel": "rates_batch", "symbols": ["BTC_CAD", "ETH_CAD"], "id": "mine"}

Command = Callable[[Stack], list[str | Path]]

CLIENTS: dict[str, Command] = {
    "websockets": lambda stack: [sys.executable, FOREIGN / "python_websockets.py", stack.feed, stack.ca, "plain"],
    "websockets-deflate": lambda stack: [
        sys.executable, FOREIGN / "python_websockets.py", stack.feed, stack.ca, "deflate",
    ],
    "websocket-client": lambda stack: [sys.executable, FOREIGN / "python_websocket_client.py", stack.feed, stack.ca],
    "ws": lambda stack: [NODE, FOREIGN / "node_ws.cjs", stack.feed, stack.ca, "plain"],
    "ws-deflate": lambda stack: [NODE, FOREIGN / "node_ws.cjs", stack.feed, stack.ca, "deflate"],
    "node": lambda stack: [NODE, FOREIGN / "node_platform.mjs", stack.feed],
    "chromium": lambda stack: [NODE, FOREIGN / "chromium.mjs", stack.dashboard, stack.feed],
    "wscat": lambda stack: [
        NODE, NODE_MODULES / "wscat" / "bin" / "wscat", "--connect", stack.feed, "--ca", stack.ca, "--wait=-1", "-x",
    ],
}  # fmt: skip


needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)
each_client = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=needs_chromium if name == "chromium" else ()) for name in CLIENTS]
)


@pytest.fixture(scope="module")
def programs(common_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, str], Program]]:
    """Start every client; return them by name and channel."""
    logs = tmp_path_factory.mktemp("foreign")
    with ExitStack() as block:
        yield {
            (name, channel): block.enter_context(
                running([*command(common_stack), message], common_stack, logs / f"{name}.{channel}.log")
            )
            for name, command in CLIENTS.items()
            if CHROMIUM or name != "chromium"
            for channel, message in (("rates", PLAIN), ("rates_batch", json.dumps(BATCH)))
        }


def checked(program: Program, enough: Callable[[list[Line]], bool]) -> list[Line]:
    """Return a client's frames as soon as they suffice, each checked against the contract."""
    frames = program.until(enough)
    for frame in frames:
        schemas.check(frame)
    return frames


def quotes(frames: list[Line]) -> list[Line]:
    return [frame["data"] for frame in frames if frame["event"] == "data"]


def of_btc(frames: list[Line]) -> list[Line]:
    return [quote for quote in quotes(frames) if quote["symbol"] == "BTC_CAD"]


@each_client
def test_a_foreign_client_of_rates_gets_all_symbols_and_updates(
    programs: dict[tuple[str, str], Program], name: str
) -> None:
    """The acknowledgement is first and has no `data`; each symbol has its own frame; then come changes."""

    def enough(frames: list[Line]) -> bool:
        every = {quote["symbol"] for quote in quotes(frames)} >= catalogue().keys()
        return every and len({quote["seq"] for quote in of_btc(frames)}) > 1

    ack, *rest = checked(programs[name, "rates"], enough)
    assert ack["event"] == ack["status"] == "subscribed"
    assert ack["channel"] == "rates"
    assert ack["symbols"] == list(catalogue())
    assert "data" not in ack
    assert "id" not in ack
    for quote in quotes(rest):
        assert isinstance(quote["timestamp"], int)
        assert all(isinstance(quote[name], Decimal | int) for name in ("bid", "ask", "spot", "change", "change_pct"))
        assert 0 < quote["bid"] <= quote["ask"]
    assert all(frame["channel"] == "rates" for frame in rest if frame["event"] == "data")
    assert {frame["event"] for frame in rest} <= {"data", "heartbeat"}


@each_client
def test_a_foreign_client_of_rates_batch_gets_unbroken_updates(
    programs: dict[tuple[str, str], Program], name: str
) -> None:
    """Its `id` comes back, a snapshot follows, and each update names the frame before it."""
    frames = checked(
        programs[name, "rates_batch"],
        lambda frames: len([frame for frame in frames if frame["event"] == "update"]) > 2,
    )
    ack, snapshot, *rest = frames
    assert ack["event"] == "subscribed"
    assert ack["id"] == "mine"
    assert ack["symbols"] == ["BTC_CAD", "ETH_CAD"]
    assert snapshot["event"] == "snapshot"
    chain = [snapshot, *(frame for frame in rest if frame["event"] in {"snapshot", "update"})]
    assert {quote["symbol"] for frame in chain for quote in frame["data"]} == {"BTC_CAD", "ETH_CAD"}
    for before, after in pairwise(chain):
        # A tick during the subscription may come twice; none may be missing.
        assert after["event"] == "snapshot" or after["prev_seq"] <= before["seq"]
    assert chain[-1]["seq"] > snapshot["seq"]


def test_the_line_of_the_readme_prints_without_an_input(common_stack: Stack) -> None:
    """wscat ends when its input does, which a service, a container or `nohup` does not have."""
    (line,) = re.findall(r"^sleep 60 \| npx wscat .*$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    for shown, here in (
        ("sleep 60", "sleep 20"),
        ("-w 60", "-w 10"),
        ("npx wscat", f"{NODE} {NODE_MODULES / 'wscat' / 'bin' / 'wscat'}"),
        (".local/tls/ca.pem", common_stack.ca),
        ("wss://localhost:8000/markets/ws/", common_stack.feed),
    ):
        assert shown in line
        line = line.replace(shown, here)
    said = subprocess.run(
        ["sh", "-c", line], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=True
    ).stdout
    ack, *frames = map(json.loads, said.splitlines())
    assert ack["event"] == "subscribed"
    assert {frame["data"]["symbol"] for frame in frames if frame["event"] == "data"} == catalogue().keys()
