"""The terminal client from end to end, against a small test feed."""

import asyncio
import json
import os
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve

from cadfeed_client import State
from shared.model.wire import dumps, loads
from shared.protocol import explain_frame
from tests.client.frames import acknowledged, data, quote, snapshot, update
from tests.samples import explanation, explanations
from tools.local.certificates import ensure, server_context
from tools.watch.status import Status
from tools.watch.target import Target, explain, now_ms, tls

ROOT = Path(__file__).resolve().parents[3]
DEADLINE_S = 12
ACK = acknowledged("BTC_CAD", "SHIB_CAD")
SNAPSHOT = snapshot(41, quote("BTC_CAD", 41, "136542.1834", simulated=True), quote("SHIB_CAD", 40, "0.000012439404"))
UPDATE = update(43, 41, quote("BTC_CAD", 43, "136542.2"))
Session = Callable[[ServerConnection, int], Awaitable[None]]


async def send(connection: ServerConnection, *frames: dict[str, object]) -> None:
    for frame in frames:
        await connection.send(dumps(frame))


@asynccontextmanager
async def feed(session: Session, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve a feed on a free port that runs `session` for each connection with its number, from 1."""
    number = 0

    async def handle(connection: ServerConnection) -> None:
        nonlocal number
        number += 1
        await session(connection, number)

    async with asyncio.timeout(DEADLINE_S), serve(handle, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"{'wss' if context else 'ws'}://127.0.0.1:{port}/markets/ws/"


async def steady(connection: ServerConnection, _: int) -> None:
    await connection.recv()
    await send(connection, ACK, SNAPSHOT, UPDATE)
    await connection.wait_closed()


async def watch(*arguments: str, environment: dict[str, str] | None = None) -> tuple[int, list[str], str]:
    """Run the client like a user; return its exit code, its output by line, and its stderr."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tools.watch", *arguments),
        cwd=ROOT,
        env=os.environ | (environment or {}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, out.decode().splitlines(), err.decode()


def test_json_prints_every_frame_and_nothing_else() -> None:
    async def run() -> None:
        async with feed(steady) as url:
            code, out, err = await watch("--json", "--count", "2", "--url", url)
        assert code == 0
        assert out == [dumps(frame) for frame in (ACK, SNAPSHOT, UPDATE)]
        assert err == f"live: {url}\n"

    asyncio.run(run())


def test_without_a_terminal_it_prints_what_changed(tmp_path: Path) -> None:
    made = ensure(tmp_path)

    async def run() -> None:
        async with feed(steady, server_context(made)) as url:
            code, out, _ = await watch("--count", "2", "--ca", str(made.ca_pem), "--url", url)
        assert code == 0
        assert len(out) == 3
        assert (
            "BTC_CAD  bid 136,542.18  ask 136,542.18  spot 136,542.18  +1.50%  kraken:X  sources 1  SIMULATED" in out[0]
        )
        assert "spot 0.0000124394" in out[1]

    asyncio.run(run())


def test_a_plain_server_of_rates_is_followed_too() -> None:
    asked = []

    async def plain(connection: ServerConnection, _: int) -> None:
        asked.append(json.loads(await connection.recv()))
        await send(connection, data("BTC_CAD", None, "1.5"), data("ETH_CAD", None, "2.5"))
        await connection.wait_closed()

    async def run() -> None:
        async with feed(plain) as url:
            code, out, err = await watch("--channel", "rates", "--count", "2", "--url", url)
        assert (code, err) == (0, f"live: {url}\n")
        assert [line.split("  ")[1] for line in out] == ["BTC_CAD", "ETH_CAD"]
        assert asked == [{"event": "subscribe", "channel": "rates", "id": 1}]

    asyncio.run(run())


def test_a_subscription_that_is_refused_ends_it_with_the_reason() -> None:
    async def refuses(connection: ServerConnection, _: int) -> None:
        await connection.recv()
        words = {"code": "unknown_symbol", "message": "no such symbol: FOO_CAD", "retryable": False}
        await send(connection, {"event": "error", "id": 1, **words})
        await connection.wait_closed()

    async def run() -> None:
        async with feed(refuses) as url:
            code, out, err = await watch("--symbols", "foo_cad", "--url", url)
        assert (code, out, err) == (1, [], "unknown_symbol: no such symbol: FOO_CAD\n")

    asyncio.run(run())


def test_a_symbol_without_a_price_is_printed() -> None:
    async def withdraws(connection: ServerConnection, _: int) -> None:
        await connection.recv()
        await send(connection, ACK, SNAPSHOT, update(43, 41, unavailable=["SHIB_CAD"]))
        await connection.wait_closed()

    async def run() -> None:
        async with feed(withdraws) as url:
            _, out, _ = await watch("--count", "2", "--url", url)
        assert out[2:] == ["SHIB_CAD  has no price any more"]

    asyncio.run(run())


def test_a_late_feed_and_its_recovery_are_printed_at_once() -> None:
    async def late(connection: ServerConnection, _: int) -> None:
        await connection.recv()
        await send(connection, ACK, SNAPSHOT | {"status": {"feed": "late", "kraken": "ok"}}, UPDATE | {"ts": 2})
        await send(connection, update(44, 43, quote("BTC_CAD", 44), ts=3))
        await connection.wait_closed()

    async def run() -> None:
        async with feed(late) as url:
            code, _, err = await watch("--count", "3", "--url", url)
        assert code == 0
        first, second = err.splitlines()
        assert first.startswith(f"late: {url}: the feed itself is late")
        assert second == f"live: {url}"

    asyncio.run(run())


EXPLANATION = loads(explain_frame(explanations().by_symbol["BTC_CAD"], explanations(43), None))


async def explains(connection: ServerConnection, _: int) -> None:
    await send(connection, ACK, SNAPSHOT)
    while (message := json.loads(await connection.recv()))["event"] != "explain":
        pass
    if message["symbol"] == "BTC_CAD":
        await send(connection, EXPLANATION | {"id": message["id"]})
    else:
        words = {"code": "unavailable", "message": "nothing explains this price yet", "retryable": False}
        await send(connection, {"event": "error", "id": message["id"], **words})
    await connection.wait_closed()


def test_explain_shows_every_market_of_a_symbol_and_leaves() -> None:
    async def run() -> None:
        async with feed(explains) as url:
            code, out, err = await watch("--explain", "btc_cad", "--url", url)
        assert (code, err) == (0, f"live: {url}\n")
        assert out[0].startswith("BTC_CAD  reference 86,762.65  dispersion 0.0012%  band 2%")
        assert [line.split()[0] for line in out[2:]] == [
            f"{candidate.source}:{candidate.market}" for candidate in explanation().candidates
        ]
        assert "taken" in out[2]

    asyncio.run(run())


def test_a_refused_explanation_ends_it_with_the_reason() -> None:
    async def run() -> None:
        async with feed(explains) as url:
            code, out, err = await watch("--explain", "ETH_CAD", "--url", url)
        assert (code, out) == (1, [])
        assert err.splitlines()[-1] == "unavailable: nothing explains this price yet"

    asyncio.run(run())


def test_the_screenshot_shows_the_first_snapshot(tmp_path: Path) -> None:
    async def run() -> None:
        async with feed(steady) as url:
            code, out, _ = await watch("--screenshot", str(tmp_path / "quotes.svg"), "--url", url)
        assert (code, out) == (0, [])
        svg = (tmp_path / "quotes.svg").read_text(encoding="utf-8")
        assert "136,542.18" in svg
        assert "SIMULATED" in svg

    asyncio.run(run())


def test_it_leaves_quietly_when_interrupted() -> None:
    codes: list[int | None] = []

    async def remembers(connection: ServerConnection, number: int) -> None:
        await steady(connection, number)
        codes.append(connection.close_code)

    async def run() -> None:
        async with feed(remembers) as url:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tools.watch", "--json", "--url", url),
                cwd=ROOT,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            try:
                assert process.stdout is not None
                await process.stdout.readline()
                process.send_signal(signal.SIGINT)
                _, err = await process.communicate()
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
            assert process.returncode == 130
            assert b"Traceback" not in err
        assert codes == [1000]

    asyncio.run(run())


def reason_of(url: str, ca: Path | None = None) -> str:
    """Return what the client prints about its first attempt."""

    async def run() -> str:
        target = Target(url, ca=ca)
        status, told = Status(target), asyncio.Queue[str]()

        def on_state(state: State) -> None:
            if text := status.turned(state, now_ms()):
                told.put_nowait(text)

        async with target.feed(on_state, lambda _: None):
            return await asyncio.wait_for(told.get(), DEADLINE_S)

    return asyncio.run(run())


def test_nothing_listening_points_to_make_run() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for host in ("127.0.0.1", "localhost"):
        assert f"nothing listens at {host}:{port}: is `make run` running?" in reason_of(f"ws://{host}:{port}/")


def test_a_certificate_that_is_not_trusted_points_to_the_ca(tmp_path: Path) -> None:
    async def run() -> None:
        async with feed(steady, server_context(ensure(tmp_path / "server"))) as url:
            other = ensure(tmp_path / "other").ca_pem
            reason = await asyncio.to_thread(reason_of, url, other)
            assert "the certificate of 127.0.0.1 is not accepted" in reason
            assert "pass --ca FILE or run `make trust`" in reason

    asyncio.run(run())


def test_each_other_failure_says_what_to_look_at() -> None:
    target = Target("wss://feed.example/markets/ws/")
    assert "the name feed.example is not found" in explain(socket.gaierror(-2, "unknown"), target)
    assert "did not answer" in explain(TimeoutError(), target)
    assert "failed: broken" in explain(OSError("broken"), target)


def test_verification_is_always_on() -> None:
    context = tls(Target("wss://localhost:8000/markets/ws/"))
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.parametrize(
    "arguments",
    [
        ["--url", "https://localhost/"],
        ["--count", "0"],
        ["--ca", "missing.pem"],
        ["--screenshot", "x", "--channel", "rates"],
        ["--explain", "BTC_CAD", "--json"],
        ["--explain", "BTC_CAD,ETH_CAD"],
        ["--explain", ","],
    ],
)
def test_wrong_options_are_explained(arguments: list[str]) -> None:
    code, out, err = asyncio.run(watch(*arguments))
    assert (code, out) == (2, [])
    assert "error: --" in err
