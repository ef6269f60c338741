"""Clients that others wrote, as they are: each subscribes over wss, with the stack's own CA, and is judged alike.

They all listen at once, each program with a subscription to `rates` and one to `rates_batch` of its own.
"""

import json
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
from tests.e2e.local_stack import Stack
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
    "chromium": lambda stack: [NODE, FOREIGN / "chromium.cjs", CHROMIUM or "", stack.dashboard, stack.feed],
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
    """Every client, by its name and the channel that it listens to."""
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
    """What a client has heard when it is enough, each frame as the contract has it."""
    frames = program.until(enough)
    for frame in frames:
        schemas.check(frame)
    return frames


def quotes(frames: list[Line]) -> list[Line]:
    return [frame["data"] for frame in frames if frame["event"] == "data"]


def of_btc(frames: list[Line]) -> list[Line]:
    return [quote for quote in quotes(frames) if quote["symbol"] == "BTC_CAD"]


@each_client
def test_a_foreign_client_of_rates_gets_the_ack_every_symbol_and_updates(
    programs: dict[tuple[str, str], Program], name: str
) -> None:
    """It relies on this: the acknowledgement is first and has no `data`; each symbol comes by itself; then changes."""

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
def test_a_foreign_client_of_rates_batch_gets_its_symbols_in_an_unbroken_chain(
    programs: dict[tuple[str, str], Program], name: str
) -> None:
    """What it relies on: its `id` comes back, a snapshot follows, and each update names the frame before it."""
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
        # A tick that came while the subscription began may come twice; none may be missing.
        assert after["event"] == "snapshot" or after["prev_seq"] <= before["seq"]
    assert chain[-1]["seq"] > snapshot["seq"]
