"""`feed.explain` returns the server's frame as typed values over real sockets, and refuses invalid ones."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import FrozenInstanceError
from decimal import Decimal
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from cadfeed_client import Candidate, Explanation, Feed, RequestError
from cadfeed_client.explanation import explanation_of
from shared.model.wire import loads
from shared.protocol import explain_frame
from tests.client.servers import DEADLINE_S, Session, asked, send, serving, welcome
from tests.contract.frames import EXPLAINED, EXPLANATIONS
from tests.samples import explanations

FRAME = loads(explain_frame(EXPLAINED, EXPLANATIONS, None))


def play(session: Session, scene: Callable[[Feed], Awaitable[None]]) -> None:
    async def run() -> None:
        async with serving(session) as url, asyncio.timeout(DEADLINE_S), Feed(url) as feed:
            await scene(feed)

    asyncio.run(run())


async def answers(connection: ServerConnection, _number: int) -> None:
    await welcome(connection)
    while (message := await asked(connection))["event"] == "explain":
        if message["symbol"] == "BTC_CAD":
            await send(connection, FRAME | {"id": message["id"]})
        else:
            words = {"code": "unknown_symbol", "message": "no such symbol: X", "retryable": False}
            await send(connection, {"event": "error", "id": message["id"], **words})


def test_an_explanation_is_read_with_every_digit() -> None:
    for symbol, told in explanations().by_symbol.items():
        read = explanation_of(loads(explain_frame(told, explanations(), 1)))
        assert (read.symbol, read.reference, read.sources) == (symbol, told.reference, told.sources)
        for candidate, source in zip(read.candidates, told.candidates, strict=True):
            for name in Candidate.__dataclass_fields__:
                assert getattr(candidate, name) == getattr(source, name), name


def test_an_explanation_is_frozen_and_knows_what_is_not_known() -> None:
    read = explanation_of(FRAME)
    _, thin, _, silent = read.candidates
    assert (thin.price, thin.rate, thin.age_ms, thin.old_last) == (Decimal("86762.648"), Decimal(1), 120, True)
    assert (silent.price, silent.rate, silent.age_ms, silent.old_last) == (None, None, None, False)
    with pytest.raises(FrozenInstanceError):
        read.sources = 9  # type: ignore[misc]


@pytest.mark.parametrize(
    "change",
    [
        {"candidates": None},
        {"candidates": [1]},
        {"candidates": [{}]},
        {"candidates": [FRAME["candidates"][0] | {"price": "1.5"}]},
        {"candidates": [FRAME["candidates"][0] | {"age_ms": Decimal("1.5")}]},
        {"candidates": [FRAME["candidates"][0] | {"reason": None}]},
        {"sources": "4"},
        {"band": None},
        {"reference": "88"},
        {"symbol": 1},
    ],
)
def test_an_invalid_explanation_is_refused(change: dict[str, Any]) -> None:
    explanation_of(FRAME)
    with pytest.raises(ValueError, match=r".+"):
        explanation_of(FRAME | change)


def test_a_feed_explains_a_price() -> None:
    async def scene(feed: Feed) -> None:
        first, second = await asyncio.gather(feed.explain("BTC_CAD"), feed.explain("BTC_CAD"))
        assert isinstance(first, Explanation)
        assert first == second == explanation_of(FRAME)

    play(answers, scene)


def test_explaining_an_unknown_symbol_fails_but_the_feed_goes_on() -> None:
    async def scene(feed: Feed) -> None:
        with pytest.raises(RequestError, match="unknown_symbol: no such symbol: X") as refused:
            await feed.explain("X")
        assert (refused.value.code, refused.value.retryable) == ("unknown_symbol", False)
        assert (await feed.explain("BTC_CAD")).symbol == "BTC_CAD"

    play(answers, scene)


def test_a_request_survives_a_lost_connection() -> None:
    async def hangs_up(connection: ServerConnection, number: int) -> None:
        if number > 1:
            await answers(connection, number)
        await welcome(connection)
        await asked(connection)

    async def scene(feed: Feed) -> None:
        assert (await feed.explain("BTC_CAD")).symbol == "BTC_CAD"

    play(hangs_up, scene)


def test_a_feed_that_ends_leaves_no_request_waiting() -> None:
    async def says_nothing(connection: ServerConnection, _number: int) -> None:
        await welcome(connection)
        await connection.wait_closed()

    async def scene(feed: Feed) -> None:
        waiting = asyncio.create_task(feed.explain("BTC_CAD"))
        await asyncio.sleep(0)
        await feed.aclose()
        with pytest.raises(RequestError) as ended:
            await waiting
        assert ended.value.code == "closed"
        with pytest.raises(RequestError):
            await feed.explain("BTC_CAD")

    play(says_nothing, scene)


def test_a_cancelled_request_leaves_nothing_behind() -> None:
    async def says_nothing(connection: ServerConnection, _number: int) -> None:
        await welcome(connection)
        await connection.wait_closed()

    async def scene(feed: Feed) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await feed.explain("BTC_CAD")
        assert feed._asked == {}
        assert feed._machine._questions.due_ms(1) is None

    play(says_nothing, scene)
