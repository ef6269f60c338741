"""The terminal client from end to end, against a small feed of the test's own."""

import asyncio
import json
import os
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve

from shared.wire import dumps
from tests.unit.test_watch_book import quote, snapshot, update
from tools.local.certificates import ensure, server_context
from tools.watch.book import Book, Kind
from tools.watch.client import BACKOFF_BASE_S, BACKOFF_CAP_S, Frame, Target, backoff_s, explain, follow, tls
from tools.watch.status import Link, Status

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 12
ACK = {
    "event": "subscribed",
    "status": "subscribed",
    "channel": "rates_batch",
    "symbols": ["BTC_CAD", "SHIB_CAD"],
    "id": 1,
}
SNAPSHOT = snapshot(41, quote("BTC_CAD", 41, "136542.1834", simulated=True), quote("SHIB_CAD", 40, "0.000012439404"))
UPDATE = update(43, 41, quote("BTC_CAD", 43, "136542.2"))
Session = Callable[[ServerConnection, int], Awaitable[None]]


async def send(connection: ServerConnection, *frames: dict[str, object]) -> None:
    for frame in frames:
        await connection.send(dumps(frame))


@asynccontextmanager
async def feed(session: Session, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A feed on a free port that runs `session` for each connection, with the connection's number, from 1."""
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
    """Run the client as a user does; its exit code, its output by line, and what it said on stderr."""
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


def test_a_dropped_connection_is_made_anew_and_subscribed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.watch.client.BACKOFF_BASE_S", 0.01)
    subscriptions = []

    async def drops(connection: ServerConnection, number: int) -> None:
        subscriptions.append(json.loads(await connection.recv()))
        if number == 1:
            await send(connection, ACK, SNAPSHOT)
            connection.transport.abort()
        elif number == 2:
            await connection.close(1012, "restarting")
        else:
            # A feed that has started over: its numbers are lower than those that the client knows.
            await send(connection, ACK, snapshot(2, quote("BTC_CAD", 2)))
            await connection.wait_closed()

    async def run() -> None:
        told: list[str] = []
        book = Book()
        async with feed(drops) as url:
            target, status = Target(url, symbols=("BTC_CAD", "SHIB_CAD")), Status(url)
            async with aclosing(follow(target, book, status, told.append)) as frames:
                seen = [frame.outcome.kind async for frame in until(frames, lambda: book.seq == 2)]
        assert seen == [Kind.SUBSCRIBED, Kind.DATA] * 2
        assert list(book.quotes) == ["BTC_CAD"]
        assert status.link is Link.LIVE
        expected = {"event": "subscribe", "channel": "rates_batch", "id": 1, "symbols": ["BTC_CAD", "SHIB_CAD"]}
        assert subscriptions == [expected] * 3
        assert [line.split(";")[0] for line in told] == [
            f"live: {url}",
            "the connection was cut or no longer answers",
            "the server closed the connection (1012 restarting)",
            f"live: {url}",
        ]

    asyncio.run(run())


async def until(items: AsyncIterator[Frame], done: Callable[[], bool]) -> AsyncIterator[Frame]:
    async for item in items:
        yield item
        if done():
            return


def test_a_missed_update_is_healed_by_a_snapshot_that_is_asked_for_once() -> None:
    asked = []

    async def loses(connection: ServerConnection, _: int) -> None:
        await connection.recv()
        await send(
            connection, ACK, SNAPSHOT, update(45, 43, quote("BTC_CAD", 45)), update(46, 45, quote("BTC_CAD", 46))
        )
        asked.append(json.loads(await connection.recv()))
        await send(connection, snapshot(46, quote("BTC_CAD", 46), quote("SHIB_CAD", 43)))
        await connection.wait_closed()

    async def run() -> None:
        book = Book()
        async with feed(loses) as url, aclosing(follow(Target(url), book, Status(url), print)) as frames:
            async for _ in until(frames, lambda: "SHIB_CAD" in book.quotes and book.quotes["SHIB_CAD"].seq == 43):
                pass
        assert asked == [{"event": "snapshot", "channel": "rates_batch"}]

    asyncio.run(run())


def test_frames_that_make_no_sense_are_survived() -> None:
    async def babbles(connection: ServerConnection, _: int) -> None:
        await connection.recv()
        for nonsense in ("", "{", "[]", '{"event":"tomorrow"}', '{"channel":"rates_batch","event":"update"}', "NaN"):
            await connection.send(nonsense)
        await send(connection, ACK, SNAPSHOT)
        await connection.wait_closed()

    async def run() -> None:
        book = Book()
        async with feed(babbles) as url, aclosing(follow(Target(url), book, Status(url), print)) as frames:
            assert len([frame async for frame in until(frames, lambda: bool(book.quotes))]) == 8

    asyncio.run(run())


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
        assert "BTC_CAD  bid 136,542.18  ask 136,542.18  spot 136,542.18  +1.50%  kraken:X  SIMULATED" in out[0]
        assert "spot 0.0000124394" in out[1]

    asyncio.run(run())


def test_the_screenshot_is_of_the_first_snapshot(tmp_path: Path) -> None:
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
    """What the client says about its first attempt."""

    async def run() -> str:
        told: asyncio.Queue[str] = asyncio.Queue()

        async def attempt() -> None:
            async with aclosing(follow(Target(url, ca=ca), Book(), Status(url), told.put_nowait)) as frames:
                async for _ in frames:
                    pass

        task = asyncio.create_task(attempt())
        try:
            return await asyncio.wait_for(told.get(), DEADLINE_S)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

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


def test_the_backoff_has_full_jitter_and_a_cap() -> None:
    assert [backoff_s(attempt, lambda _, most: most) for attempt in (0, 1, 2, 99)] == [
        BACKOFF_BASE_S,
        2 * BACKOFF_BASE_S,
        4 * BACKOFF_BASE_S,
        BACKOFF_CAP_S,
    ]
    assert backoff_s(5, lambda least, _: least) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--url", "https://localhost/"],
        ["--count", "0"],
        ["--ca", "missing.pem"],
        ["--screenshot", "x", "--channel", "rates"],
    ],
)
def test_wrong_options_are_explained(arguments: list[str]) -> None:
    code, out, err = asyncio.run(watch(*arguments))
    assert (code, out) == (2, [])
    assert "error: --" in err
