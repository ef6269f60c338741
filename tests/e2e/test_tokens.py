"""A client with a valid token gets in over wss, and stays no longer than the token; no log has one."""

import asyncio
import itertools
import json
import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from cadfeed_client import Feed, Link
from shared.connecting.token_keys import kid_of
from tests.e2e.clients import Client
from tests.e2e.local_stack import SESSION, Stack
from tests.e2e.test_page import browser_on
from tests.tokens import OTHER_KEY, claims
from tests.tokens import token as signed
from tools.browser import CHROMIUM, NO_CHROMIUM
from tools.deployment import find
from tools.rotate.__main__ import main as rotation
from tools.sign_token import current_key

TICK = 1
EXCHANGE = ["--seed=3"]
CONTEXT = ["auth=token", "max_connections_per_client=2"]
NOW_S = int(time.time())
# How each token differs from a good one. `key` is the stack's own, unless it is named.
REFUSED: dict[str, dict[str, Any]] = {
    "expired": {"exp": NOW_S - 1},
    "from the future": {"nbf": NOW_S + 3_000, "exp": NOW_S + 3_600},
    "issued in the future": {"iat": NOW_S + 3_000, "exp": NOW_S + 3_600},
    "of another feed": {"aud": "Other"},
    "of another issuer": {"iss": "other"},
    **{f"without {name}": {name: None} for name in claims()},
}
SENT: list[str] = []  # every token that a client has sent


@cache
def key_of(state: Path) -> str:
    return current_key(find("", state))


def token(stack: Stack, key: str = "", **changed: Any) -> str:
    return signed(key or key_of(stack.state), **changed)


async def dial(stack: Stack, text: str = "", *, in_query: bool = False) -> ClientConnection:
    SENT.append(text)
    offered = ["cadfeed", f"cadfeed.token.{text}"] if text and not in_query else ["cadfeed"]
    url = f"{stack.feed}?token={text}" if in_query else stack.feed
    return await connect(url, ssl=stack.tls, subprotocols=offered, open_timeout=60)  # type: ignore[arg-type]


async def refusal(stack: Stack, text: str = "", *, in_query: bool = False) -> int:
    with pytest.raises(InvalidStatus) as refused:
        await dial(stack, text, in_query=in_query)
    assert not text or text.encode() not in refused.value.response.body
    return int(refused.value.response.status_code)


def test_a_token_gets_in_from_either_place(stack: Stack) -> None:
    """The answer names the plain subprotocol only."""

    async def run() -> None:
        for in_query in (False, True):
            async with await dial(stack, token(stack), in_query=in_query) as socket:
                assert socket.subprotocol == "cadfeed"
                assert socket.response
                assert "token" not in str(socket.response.headers)
                await socket.send('{"event": "ping"}')
                assert json.loads(await socket.recv())["event"] == "pong"

    asyncio.run(run())


def test_every_other_handshake_is_refused(stack: Stack) -> None:
    bad = {name: token(stack, **changed) for name, changed in REFUSED.items()}
    good = token(stack)
    header, payload, signature = good.split(".")
    bad |= {
        "none": "",
        "of another key": token(stack, OTHER_KEY),
        "under a kid of the feed": token(stack, OTHER_KEY, kid=kid_of(key_of(stack.state))),
        "forged": f"{header}.{payload[:-4]}AAAA.{signature}",
        "unsigned": f"eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.",
        "not a token": "abc",
    }

    async def run() -> None:
        for in_query in (False, True):
            found = {name: await refusal(stack, text, in_query=in_query) for name, text in bad.items()}
            assert found == dict.fromkeys(bad, 403)

    asyncio.run(run())


def test_a_token_says_how_many_connections_and_which_channels(stack: Stack) -> None:
    async def run() -> None:
        text = token(stack, sub="bob", max_connections=1, channels=["rates_batch"])
        async with await dial(stack, text) as socket:
            assert await refusal(stack, text) == 429
            client = Client(socket=socket)
            for event in ("subscribe", "snapshot"):
                await client.send({"event": event, "channel": "rates", "id": event})
                denied = await client.next()
                assert (denied["code"], denied["id"]) == ("channel_denied", event)
            assert (await client.subscribe("rates_batch"))["event"] == "subscribed"
            await client.until(lambda frame: frame["event"] == "update")

    asyncio.run(run())


def test_a_connection_does_not_outlive_its_token(stack: Stack) -> None:
    """It is told in time. A client that listens is closed with the next tick, one that asks with its message. The
    Python client has a new connection with a new token by then."""
    links: list[Link] = []
    fetched: list[str] = []

    def another() -> str:
        fetched.append(token(stack, sub="dave", exp=int(time.time()) + 15))
        SENT.append(fetched[-1])
        return fetched[-1]

    async def run() -> None:
        ends_s = int(time.time()) + 15
        text = token(stack, sub="carol", exp=ends_s)
        own = Feed(stack.feed, token=another, ssl=stack.tls, on_state=lambda state: links.append(state.link))
        async with own, await dial(stack, text) as listening, await dial(stack, text) as asking:
            client = Client(socket=listening)
            await client.subscribe("rates_batch")
            closing = await client.until(lambda frame: frame["event"] == "closing", 60)
            assert closing["reason"] == "token_ends"
            assert closing["ts"] + closing["reconnect_in_ms"] <= ends_s * 1000 + 2 * TICK * 1000
            with pytest.raises(ConnectionClosed):
                await client.until(lambda _frame: False, 60)
            assert max(frame["ts"] for frame in client.frames if "ts" in frame) < (ends_s + 2 * TICK) * 1000
            assert time.time() >= ends_s
            await asking.send('{"event": "ping"}')
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(asking.recv(), 60)
            assert own.state.link is Link.LIVE
        assert await refusal(stack, text) == 403

    asyncio.run(run())
    assert len(fetched) >= 2
    assert Link.RECONNECTING not in links


@pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)
def test_the_page_takes_a_token_out_of_its_address(stack: Stack) -> None:
    """And gets in with it."""

    async def run() -> None:
        text = token(stack, sub="page")
        SENT.append(text)
        async with browser_on(f"{stack.dashboard}#token={text}", stack) as browser:
            shown = await browser.until(lambda shown: shown["state"] == "live" and shown["seq"] > 0)
            assert (shown["address"], shown["errors"]) == (stack.dashboard, [])

    asyncio.run(run())


def test_a_new_key_ends_the_tokens_of_the_old_one(stack: Stack) -> None:
    """Tokens of both keys get in until the rotation is finished, so nobody is locked out."""
    old = current_key(find("", stack.state))
    subjects = (f"erin-{number}" for number in itertools.count())  # the connection before may still have its place

    async def answer_to(key: str) -> int:
        return await answer(stack, token(stack, key, sub=next(subjects)))

    async def run() -> None:
        await rotate(stack)
        new = current_key(find("", stack.state))
        async with asyncio.timeout(60):
            while await answer_to(new) != 101:
                assert await answer_to(old) == 101
                await asyncio.sleep(1)
        assert await answer_to(old) == 101
        await rotate(stack, "--finish")
        async with asyncio.timeout(60):  # an unknown key makes a function look again, some seconds after its last look
            while await answer_to(old) == 101:
                assert await answer_to(OTHER_KEY) == 403
                await asyncio.sleep(1)
        assert [await answer_to(key) for key in (old, new)] == [403, 101]

    asyncio.run(run())


async def rotate(stack: Stack, *more: str) -> None:
    command = [f"--state={stack.state}", "--secret=tokens", "--wait=0", *more]
    assert await asyncio.to_thread(rotation, command) == 0


async def answer(stack: Stack, text: str) -> int:
    """Return the status of a handshake with this token."""
    try:
        async with await dial(stack, text):
            return 101
    except InvalidStatus as refused:
        return int(refused.response.status_code)


def test_no_log_has_a_token(stack: Stack) -> None:
    """It runs last, when all the others have sent theirs."""
    assert len(SENT) > 30
    logs = "".join(path.read_text(errors="replace") for path in stack.state.glob("*.log")) + emulated_logs(stack)
    assert "token refused" in logs
    keys = {key_of(stack.state), current_key(find("", stack.state))}
    parts = {part for text in SENT for part in text.split(".") if len(part) > 20}
    assert len(parts) > 30
    assert not [part for part in (*parts, *keys) if part in logs]


def emulated_logs(stack: Stack) -> str:
    """Return what the functions have logged to CloudWatch."""
    client = SESSION.client("logs", endpoint_url=stack.aws)
    groups = [group["logGroupName"] for group in client.describe_log_groups()["logGroups"]]
    pages = (client.get_paginator("filter_log_events").paginate(logGroupName=name) for name in groups)
    return "".join(event["message"] for each in pages for page in each for event in page["events"])
