"""A network that lets no socket through, and one that does again: both clients and the page, through a proxy.

The proxy stands before the local edge, as a company's stands before its users. It speaks plain HTTP.
"""

import asyncio
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from cadfeed_client import Feed, Link, State
from shared.model.assets import catalogue
from tests.e2e.local_stack import ROOT, Stack
from tools.browser import CHROMIUM, NO_CHROMIUM

NODE = Path(sys.executable).parent / "node"
WITHIN_TWO_TICKS_S, BACK_WITHIN_S = 10, 30
SPARE_S = 10  # for a busy machine
PROGRAM_STARTS_S = 60
KEPT = ("Content-Type", "Cache-Control", "Content-Security-Policy")


@dataclass
class Proxy:
    """`refuses`: it lets no socket through. `open_sockets` are those that it has let through."""

    stack: Stack
    address: str = ""
    refuses: bool = True
    open_sockets: set[web.WebSocketResponse] = field(default_factory=set)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        is_handshake = request.headers.get("Upgrade", "").lower() == "websocket"
        if is_handshake and self.refuses:
            return web.Response(status=403)
        tls = ssl.create_default_context(cafile=self.stack.ca)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as session:
            address = self.stack.dashboard + request.path_qs.lstrip("/")
            if is_handshake:
                return await self._bridge(request, session, address)
            async with session.get(address) as answer:
                kept = {name: answer.headers[name] for name in KEPT if name in answer.headers}
                return web.Response(status=answer.status, body=await answer.read(), headers=kept)

    async def _bridge(
        self, request: web.Request, session: aiohttp.ClientSession, address: str
    ) -> web.WebSocketResponse:
        near = web.WebSocketResponse()
        await near.prepare(request)
        self.open_sockets.add(near)
        async with session.ws_connect(address) as far:

            async def back() -> None:
                async for message in far:
                    await near.send_str(message.data)
                await near.close()

            task = asyncio.create_task(back())
            async for message in near:
                await far.send_str(message.data)
            task.cancel()
        self.open_sockets.discard(near)
        return near

    async def cut(self) -> None:
        self.refuses = True
        for socket in list(self.open_sockets):
            await socket.close()


@asynccontextmanager
async def proxied(stack: Stack) -> AsyncIterator[Proxy]:
    proxy = Proxy(stack)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", proxy.answer)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    (_, port) = runner.addresses[0]
    proxy.address = f"127.0.0.1:{port}"
    try:
        yield proxy
    finally:
        await proxy.cut()
        await runner.cleanup()


async def run_node(script: str, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(str(NODE), str(ROOT / "tests" / "e2e" / script), *arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


async def end(process: asyncio.subprocess.Process) -> None:
    """End the program: it reads its input to the end."""
    assert process.stdin is not None
    process.stdin.close()
    async with asyncio.timeout(SPARE_S):
        await process.communicate()


async def told(process: asyncio.subprocess.Process, wanted: str, within_s: float) -> float:
    """Return how long it took the program to print a line that begins with this."""
    assert process.stdout is not None
    began_s = time.monotonic()
    async with asyncio.timeout(within_s):
        while line := (await process.stdout.readline()).decode():
            if line.startswith(wanted):
                return time.monotonic() - began_s
    raise AssertionError(f"the program ended before it said {wanted!r}")


def test_the_python_client_goes_on_over_http_and_back(common_stack: Stack) -> None:
    async def run() -> None:
        links: list[Link] = []
        turned = asyncio.Event()

        def on_state(state: State) -> None:
            links.append(state.link)
            turned.set()

        async def until(link: Link, within_s: float) -> float:
            began_s = time.monotonic()
            async with asyncio.timeout(within_s):
                while feed.state.link is not link:
                    turned.clear()
                    await turned.wait()
            return time.monotonic() - began_s

        async with proxied(common_stack) as proxy, Feed(f"ws://{proxy.address}/markets/ws/", on_state=on_state) as feed:
            first_s = await until(Link.POLLING, WITHIN_TWO_TICKS_S)
            assert len(feed.book.quotes) + len(feed.book.unavailable) == len(catalogue())
            seq = feed.book.seq
            async with asyncio.timeout(SPARE_S):
                while feed.book.seq <= seq:
                    await asyncio.sleep(0.1)
            assert feed.state.link is Link.POLLING
            proxy.refuses = False
            back_s = await until(Link.LIVE, BACK_WITHIN_S)
            await proxy.cut()
            again_s = await until(Link.POLLING, WITHIN_TWO_TICKS_S)
            print(
                f"Python: prices after {first_s:.1f} s, back after {back_s:.1f} s, prices again after {again_s:.1f} s"
            )

    asyncio.run(run())


@pytest.mark.parametrize(
    "script",
    [
        "polling_feed.mjs",
        pytest.param("polling_page.mjs", marks=pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)),
    ],
)
def test_typescript_goes_on_over_http_and_back(common_stack: Stack, script: str) -> None:
    """The TypeScript client, and the page with it."""

    async def run() -> None:
        async with proxied(common_stack) as proxy:
            process = await run_node(script, proxy.address)
            try:
                await told(process, "open", PROGRAM_STARTS_S)
                first_s = await told(process, "polling", WITHIN_TWO_TICKS_S)
                proxy.refuses = False
                back_s = await told(process, "live", BACK_WITHIN_S)
                print(f"{script}: prices after {first_s:.1f} s, back after {back_s:.1f} s")
            finally:
                await end(process)

    asyncio.run(run())
