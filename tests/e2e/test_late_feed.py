"""A late feed: a reader of one that nobody listens to starts it; without an ingest clients learn that all is stale."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests

from shared.store.codec import pack, unpack
from tests.e2e.clients import opened
from tests.e2e.local_stack import ROOT, Stack
from tests.e2e.test_documents import get, until
from tests.e2e.test_schedule import quiet

TICK = 1
EXCHANGE = ["--seed=17"]
AWAY_MS = 240_000
SNAPSHOT = {"pk": "SNAPSHOT", "sk": "CURRENT"}


def test_a_reader_of_an_idle_feed_waits_and_gets_live_prices(stack: Stack) -> None:
    """The first tick is that of the deployment; then the stack is left alone, and its data grow old."""
    until(lambda: stack.table("Quotes").get_item(Key={"pk": "SNAPSHOT", "sk": "CURRENT"}).get("Item"))
    until(lambda: not an_ingest_runs(stack))
    until(lambda: state_after_growing_old(stack) == "late")  # the tick of a minute may come in between
    first = get(stack, "markets/rates.json")
    assert (first.status_code, first.json()["code"]) == (503, "late")
    assert first.headers["Retry-After"].isdecimal()
    assert first.headers["Content-Type"] == "application/problem+json"
    began_s = time.monotonic()
    document = until(lambda: live(get(stack, "markets/rates.json"))).json()
    print(f"prices after {time.monotonic() - began_s:.1f} s")
    assert not any(quote.get("stale") for quote in document["data"])
    assert until(lambda: get(stack, "markets/rates.json").json()["seq"] > document["seq"] + 2)
    assert until(lambda: get(stack, "markets/status.json").json()["state"] == "live")


def state_after_growing_old(stack: Stack) -> str:
    grow_old(stack)
    return str(get(stack, "markets/status.json").json()["state"])


def live(answer: requests.Response) -> requests.Response | None:
    assert answer.status_code in {200, 503}
    return answer if answer.status_code == 200 else None


def an_ingest_runs(stack: Stack) -> bool:
    lease = stack.table("Quotes").get_item(Key={"pk": "LEASE", "sk": "INGEST"}, ConsistentRead=True).get("Item", {})
    return int(str(lease.get("until_ms", 0))) > time.time() * 1000


@pytest.fixture(scope="module")
def late(stack: Stack) -> Iterator[Stack]:
    """The stack four minutes after its last tick, with an ingest that fails to start."""
    asyncio.run(_first_tick(stack))
    name, functions = stack.function_name("IngestFunction"), stack.functions()
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    broken = {**variables, "TICK_SECONDS": "five"}
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": broken})
    asyncio.run(quiet(stack, TICK))
    grow_old(stack)
    yield stack
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})


async def _first_tick(stack: Stack) -> None:
    async with opened(stack) as client:
        await client.subscribe("rates_batch")
        await client.until(lambda frame: frame["event"] == "update", 60)


def grow_old(stack: Stack) -> None:
    """Age the stored data as if nobody had connected for that long."""
    table = stack.table("Quotes")
    item: dict[str, Any] = table.get_item(Key=SNAPSHOT, ConsistentRead=True)["Item"]
    snapshot = unpack(bytes(item["packed"]))
    older_ms = time.time_ns() // 1_000_000 - AWAY_MS - snapshot.ts_ms
    quotes = {symbol: replace(q, seen_ms=q.seen_ms + older_ms) for symbol, q in snapshot.quotes.items()}
    aged = replace(snapshot, ts_ms=snapshot.ts_ms + older_ms, quotes=quotes)
    table.put_item(Item={**item, "packed": pack(aged)})


def test_a_batch_subscriber_sees_stale_quotes_and_a_late_feed(late: Stack) -> None:
    async def run() -> None:
        async with opened(late) as client:
            await client.subscribe("rates_batch")
            snapshot = await client.until(lambda frame: frame["event"] == "snapshot")
            assert len(snapshot["data"]) > 50
            assert all(quote["stale"] for quote in snapshot["data"])
            assert snapshot["status"]["feed"] == "late"

    asyncio.run(run())


def test_a_subscriber_of_single_quotes_sees_the_same(late: Stack) -> None:
    async def run() -> None:
        async with opened(late) as client:
            await client.subscribe("rates")
            beat = await client.until(lambda frame: frame["event"] == "heartbeat")
            assert beat["status"]["feed"] == "late"
            assert len(client.quotes()) > 50
            assert all(quote["stale"] for quote in client.quotes().values())
            assert set(beat["stale"]) == client.quotes().keys()

    asyncio.run(run())


@pytest.mark.parametrize("request_", [{"event": "snapshot", "channel": "rates_batch"}, {"event": "assets"}])
def test_an_asked_snapshot_says_the_same(late: Stack, request_: dict[str, Any]) -> None:
    async def run() -> None:
        async with opened(late) as client:
            await client.send(request_)
            answer = await client.next()
            rows = answer.get("data") or [row for row in answer["assets"] if row["status"] != "unavailable"]
            assert len(rows) > 50
            assert all(row.get("stale") or row.get("status") == "stale" for row in rows)

    asyncio.run(run())


def test_the_terminal_client_says_late_at_once(late: Stack) -> None:
    picture = late.state / "late.svg"
    command = [sys.executable, "-m", "tools.watch", "--url", late.feed, "--ca", late.ca, "--screenshot", str(picture)]
    watched = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=60, check=False)
    assert watched.returncode == 0, watched.stderr
    shown = picture.read_text(encoding="utf-8").replace("&#160;", " ")
    assert "late" in shown
    assert "● live" not in shown
