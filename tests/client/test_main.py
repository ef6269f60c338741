"""`python -m cadfeed_client` as a user runs it: what it prints, how it ends, and what it says when it cannot go on."""

import asyncio
import json
import signal
import socket
import ssl
import sys
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection

from tests.client.frames import quote, snapshot, update
from tests.client.servers import DEADLINE_S, Session, asked, send, serving, steady, welcome
from tools.local.certificates import ensure, server_context

TINY = quote("SHIB_CAD", 40, "0.000000124394041", simulated=True, sources=3)
Result = tuple[int, list[str], str]


async def started(*arguments: str) -> asyncio.subprocess.Process:
    command = (sys.executable, "-m", "cadfeed_client", *arguments)
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)


async def ended(process: asyncio.subprocess.Process) -> Result:
    """The exit code, the lines, and what was said on stderr."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, out.decode().splitlines(), err.decode()


def run(session: Session, *arguments: str, context: ssl.SSLContext | None = None) -> Result:
    async def scene() -> Result:
        async with serving(session, ssl=context) as url:
            address = url.replace("ws:", "wss:") if context else url
            return await ended(await started(address, *arguments))

    return asyncio.run(scene())


def run_alone(*arguments: str) -> Result:
    async def scene() -> Result:
        return await ended(await started(*arguments))

    return asyncio.run(scene())


SHOWN = "bid 0.000000124394041  ask 0.000000124394041  spot 0.000000124394041"


def printed(*arguments: str) -> list[str]:
    """What it prints about two symbols; one loses its price once both have been printed."""

    async def scene() -> list[str]:
        are_printed = asyncio.Event()

        async def session(connection: ServerConnection, _number: int) -> None:
            await welcome(connection, snapshot(41, quote("BTC_CAD", 41, "136542.1834"), TINY))
            await are_printed.wait()
            await send(connection, update(43, 41, unavailable=["BTC_CAD"]))
            await connection.wait_closed()

        async with serving(session) as url:
            process = await started(url, "--count", "3", *arguments)
            assert process.stdout
            lines = [(await process.stdout.readline()).decode().rstrip() for _ in range(2)]
            are_printed.set()
            code, rest, err = await ended(process)
            assert (code, err) == (0, "")
            return [*lines, *rest]

    return asyncio.run(scene())


def test_it_prints_a_line_per_change_with_every_digit() -> None:
    assert printed() == [
        "00:00:41Z  BTC_CAD  bid 136542.1834  ask 136542.1834  spot 136542.1834  +1.50000%  kraken:X  sources 1",
        f"00:00:40Z  SHIB_CAD  {SHOWN}  +1.50000%  kraken:X  sources 3  SIMULATED",
        "BTC_CAD  has no price any more",
    ]


def test_json_is_an_object_per_line_with_prices_as_strings() -> None:
    _, tiny, gone = map(json.loads, printed("--json"))
    expected = {"symbol": "SHIB_CAD", "spot": "0.000000124394041", "ts_ms": 40_000, "simulated": True, "sources": 3}
    assert {name: tiny[name] for name in expected} == expected
    assert gone == {"symbol": "BTC_CAD", "listed": True, "withdrawn": True}


def test_symbols_are_those_that_are_subscribed() -> None:
    messages = []

    async def remembers(connection: ServerConnection, _number: int) -> None:
        messages.append(await asked(connection))
        rejected = [{"symbol": "X", "code": "unknown_symbol", "message": "no such symbol"}]
        await send(connection, {"event": "subscribed", "channel": "rates_batch", "symbols": [], "rejected": rejected})
        await send(connection, snapshot(41, quote("BTC_CAD", 41)))
        await connection.wait_closed()

    code, out, err = run(remembers, "--symbols", "btc_cad, x", "--count", "1")
    assert (code, len(out), err) == (0, 1, "the feed does not have X\n")
    assert [message["symbols"] for message in messages] == [["BTC_CAD", "X"]]


def test_a_refused_subscription_ends_it_with_the_reason() -> None:
    async def refuses(connection: ServerConnection, _number: int) -> None:
        message = await asked(connection)
        words = {"code": "unknown_symbol", "message": "no such symbol: X", "retryable": False}
        await send(connection, {"event": "error", "id": message["id"], **words})
        await connection.wait_closed()

    assert run(refuses, "--symbols", "X") == (1, [], "error: unknown_symbol: no such symbol: X\n")


def test_a_feed_that_cannot_be_reached_at_first_ends_it() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{free.getsockname()[1]}/markets/ws/"
    port = url.split("/")[2]
    assert run_alone(url) == (1, [], f"error: nothing listens at {port}: is the address right?\n")


def test_an_untrusted_certificate_is_told_with_the_way_out(tmp_path: Path) -> None:
    made = ensure(tmp_path)
    code, out, err = run(steady, context=server_context(made))
    assert (code, out) == (1, [])
    assert err.startswith("error: the certificate of 127.0.0.1 is not accepted")
    assert err.endswith("pass the CA that signed it with --ca FILE\n")
    code, out, err = run(steady, "--count", "1", "--ca", str(made.ca_pem), context=server_context(made))
    assert (code, len(out), err) == (0, 1, "")


def test_a_connection_lost_later_is_reported_and_replaced() -> None:
    async def cuts(connection: ServerConnection, number: int) -> None:
        await welcome(connection, snapshot(40 + number, quote("BTC_CAD", 40 + number)))
        if number == 1:
            await connection.close(1012, "restarting")
        await connection.wait_closed()

    code, out, err = run(cuts, "--count", "2")
    assert (code, len(out)) == (0, 2)
    assert err == "the server closed the connection (1012 restarting); connecting again\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_it_quietly(number: signal.Signals) -> None:
    codes: list[int | None] = []

    async def remembers(connection: ServerConnection, count: int) -> None:
        await steady(connection, count)
        codes.append(connection.close_code)

    async def scene() -> Result:
        async with serving(remembers) as url:
            process = await started(url)
            assert process.stdout
            await process.stdout.readline()
            process.send_signal(number)
            return await ended(process)

    code, _, err = asyncio.run(scene())
    assert (code, err, codes) == (130, "", [1000])


def test_a_reader_that_has_seen_enough_ends_it_quietly() -> None:
    async def goes_on(connection: ServerConnection, _number: int) -> None:
        await welcome(connection)
        for seq in range(42, 10_000):
            await send(connection, update(seq, seq - 1, quote("BTC_CAD", seq)))
            await asyncio.sleep(0.001)

    async def scene() -> Result:
        async with serving(goes_on) as url:
            process = await started(url)
            assert process.stdout
            assert await process.stdout.readline()
            process.stdout._transport.close()  # type: ignore[attr-defined]
            assert process.stderr
            err = (await process.stderr.read()).decode()
            return await process.wait(), [], err

    assert asyncio.run(scene()) == (0, [], "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "URL"),
        (["https://localhost/"], "an address begins with wss://"),
        (["wss://localhost/", "--count", "0"], "--count is at least 1"),
        (["wss://localhost/", "--symbols", ","], "--symbols names at least one symbol"),
        (["wss://localhost/", "--ca", "missing.pem"], "--ca missing.pem: No such file"),
        (["wss://localhost/", "--ca", __file__], "the file holds no certificate"),
    ],
)
def test_wrong_arguments_are_explained(arguments: list[str], words: str) -> None:
    code, out, err = run_alone(*arguments)
    assert (code, out) == (2, [])
    assert words in err


def test_help_tells_the_exit_codes() -> None:
    code, out, _ = run_alone("--help")
    assert code == 0
    assert "exit codes: 0" in "\n".join(out)


def test_a_token_comes_from_an_option_or_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    offered: list[str] = []

    async def notes(connection: ServerConnection, number: int) -> None:
        assert connection.request
        offered.append(connection.request.headers.get("Sec-WebSocket-Protocol", ""))
        await steady(connection, number)

    monkeypatch.setenv("CADFEED_TOKEN", "variable")
    assert run(notes, "--count", "1", "--token", "option")[0] == run(notes, "--count", "1")[0] == 0
    monkeypatch.delenv("CADFEED_TOKEN")
    assert run(notes, "--count", "1")[0] == 0
    assert offered == ["cadfeed, cadfeed.token.option", "cadfeed, cadfeed.token.variable", ""]
