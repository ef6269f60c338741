"""The page in a real browser shows what a client of the feed gets, and survives a cut connection."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from shared.model.assets import catalogue
from tests.e2e.clients import Client, opened
from tests.e2e.local_stack import ROOT, Stack
from tools.browser import CHROMIUM, NO_CHROMIUM
from tools.local.certificates import key_pin

NODE = Path(sys.executable).parent / "node"
SCREENSHOT = ROOT / ".local" / "page.png"
DEADLINE_S = 60
# The page's columns, and the field of a quote that each shows.
NUMBERS = {"bid": "bid", "ask": "ask", "spot": "spot", "change": "change", "percent": "change_pct"}
SIGNIFICANT_DIGITS = 6
Shown = dict[str, Any]


def test_the_page_revalidates_index_html_and_caches_hashed_files(stack: Stack) -> None:
    page = requests.get(stack.dashboard, verify=stack.ca, timeout=10)
    assert page.ok
    assert page.headers["Cache-Control"] == "no-cache"
    parts = re.findall(r'(?:src|href)="/([^"]+)"', page.text)
    assert {"manifest.json", "apple-touch-icon.png"} < set(parts)
    for part in parts:
        answer = requests.get(stack.dashboard + part, verify=stack.ca, timeout=10)
        assert answer.ok, part
        assert ("immutable" in answer.headers["Cache-Control"]) == part.startswith("assets/")
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)
def test_the_page_shows_what_a_client_hears_and_outlives_a_cut(stack: Stack) -> None:
    async def run() -> None:
        async with opened(stack) as client:
            await client.subscribe("rates_batch")
            # The client then has every tick that the page shows.
            await client.until(lambda frame: bool(frame.get("data")), DEADLINE_S)
            async with wire_to(stack) as wire, browser_on(wire.url, stack) as browser:
                await outlives_a_cut(client, wire, browser)

    asyncio.run(run())


async def outlives_a_cut(client: Client, wire: "Wire", browser: "Browser") -> None:
    """Assert that the page shows what the client gets: at first, later, and after a cut connection."""
    # The page has a tick only when every row in view is drawn.
    shown = await browser.until(
        lambda shown: (
            shown["seq"] > 0 and shown["state"] == "live" and all(row["titles"]["source"] for row in shown["rows"])
        )
    )
    assert [row["symbol"] for row in shown["rows"]] == list(catalogue())
    assert shown["simulated"]
    await the_same(shown, client)

    shown = await browser.until(lambda later: later["seq"] > shown["seq"] + 1)
    await the_same(shown, client)

    wire.refusing = True
    wire.cut()
    shown = await browser.until(lambda shown: shown["state"] == "reconnecting", within_s=2)
    assert "The connection could not be made or broke." in shown["detail"]
    assert re.fullmatch(r"Reconnecting in \d+ s", shown["label"])
    assert all(row["titles"]["spot"] for row in shown["rows"])  # the last prices stay in sight
    await browser.until(lambda shown: bool(shown["outOfDate"]), within_s=5)
    cut_at = client.frames[-1]["seq"]
    wire.refusing = False
    shown = await browser.until(
        lambda shown: shown["state"] == "live" and shown["seq"] > cut_at + 1 and not shown["outOfDate"]
    )
    assert shown["detail"] == ""
    await the_same(shown, client)
    # A browser reports each failed connection; the page itself must report nothing.
    failed = "WebSocket connection to", "Failed to load resource"
    assert [error for error in shown["errors"] if not error.startswith(failed)] == []


async def the_same(shown: Shown, client: Client) -> None:
    """Assert that every number on the page is the client's for the same tick; its title has the last digit."""
    tick = shown["seq"]
    while max((frame.get("seq", 0) for frame in client.frames), default=0) < tick:
        await client.next()
    heard: dict[str, dict[str, Any]] = {}
    for quote in sorted(client.heard(), key=lambda quote: int(quote["seq"])):
        if quote["seq"] <= tick:
            heard[quote["symbol"]] = quote
    assert {row["symbol"] for row in shown["rows"]} == heard.keys()
    for row in shown["rows"]:
        quote, texts, titles = heard[row["symbol"]], row["texts"], row["titles"]
        assert titles["source"].partition("\n")[0] == quote["source"]
        assert row["isStale"] == bool(quote.get("stale"))
        assert Decimal(titles["spread"].removesuffix(" CAD")) == quote["ask"] - quote["bid"]
        for column, name in NUMBERS.items():
            assert Decimal(re.sub(r" (CAD|%)$", "", titles[column])) == quote[name], (row, quote)
            number = Decimal(re.sub(r"[+%,]", "", texts[column]).replace("−", "-"))  # noqa: RUF001
            off = abs(number - quote[name])
            assert off <= Decimal(1).scaleb(int(number.as_tuple().exponent)) / 2, (row, quote)
            if column in ("bid", "ask", "spot"):
                assert len(number.as_tuple().digits) >= SIGNIFICANT_DIGITS or off == 0, row


@dataclass
class Browser:
    """A browser on the page."""

    process: asyncio.subprocess.Process

    async def shown(self) -> Shown:
        """Return what the page shows now."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(b"\n")
        line = await self.process.stdout.readline()
        assert line, "the browser has ended"
        return dict(json.loads(line))

    async def until(self, wanted: Callable[[Shown], bool], within_s: float = DEADLINE_S) -> Shown:
        """Return what the page shows as soon as the condition holds."""
        shown: Shown = {}
        try:
            async with asyncio.timeout(within_s):
                while not wanted(shown := await self.shown()):
                    await asyncio.sleep(0.02)
        except TimeoutError:
            pytest.fail(f"after {within_s} s the page shows {shown}")
        return shown


@asynccontextmanager
async def browser_on(url: str, stack: Stack) -> AsyncIterator[Browser]:
    options = {"url": url, "spki": key_pin(Path(stack.ca)), "screenshot": str(SCREENSHOT)}
    process = await asyncio.create_subprocess_exec(
        *(str(NODE), str(ROOT / "tests" / "e2e" / "browser.mjs"), json.dumps(options)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**20,
    )
    assert process.stdin
    try:
        yield Browser(process)
    finally:
        # It takes a screenshot, after a failed check too, and ends.
        process.stdin.close()
        try:
            status = await asyncio.wait_for(process.wait(), DEADLINE_S)
        except TimeoutError:
            process.kill()
            status = await process.wait()
    assert status == 0


@dataclass
class Wire:
    """A connection to the edge that a test can cut."""

    url: str = ""
    refusing: bool = False
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def cut(self) -> None:
        """Cut every connection without a close frame."""
        for writer in self._writers:
            writer.transport.abort()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        """Relay one connection both ways until either side ends."""
        if self.refusing:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection("localhost", port)
        both = {writer, far_writer}
        self._writers |= both
        try:
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        finally:
            self._writers -= both


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def wire_to(stack: Stack) -> AsyncIterator[Wire]:
    wire, port = Wire(), urlsplit(stack.dashboard).port
    assert port

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await wire.carry(reader, writer, port)

    server = await asyncio.start_server(carry, "localhost", 0)
    wire.url = f"https://localhost:{server.sockets[0].getsockname()[1]}/"
    try:
        yield wire
    finally:
        server.close()
        wire.cut()
