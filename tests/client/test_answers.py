"""`feed.request`: what the server's own code answers, as typed values, over real sockets, with and without asyncio."""

import asyncio
from decimal import Decimal
from typing import assert_type

import pytest
from websockets.asyncio.server import ServerConnection

from cadfeed_client import (
    Asset,
    AssetsRequest,
    Candle,
    ExplainRequest,
    Explanation,
    Feed,
    FeedError,
    History,
    HistoryRequest,
    PingRequest,
    Pong,
    Refused,
    RequestError,
    Snapshot,
    SnapshotRequest,
    Trends,
    TrendsRequest,
)
from shared.model.assets import catalogue
from shared.model.trends import Trends as ServersTrends
from shared.model.values import Snapshot as ServersSnapshot
from shared.model.wire import loads
from shared.protocol import parts
from shared.protocol.assets import assets_frames
from shared.protocol.trends import trends_frames
from tests.client.frames import Frame
from tests.client.servers import DEADLINE_S, SNAPSHOT, asked, send, serving, welcome
from tests.client.test_explanation import FRAME

CANDLES = [[0, 1, 2, 1, Decimal("1.50")], [60_000, 1, 2, 1, Decimal("0.0000168648231000123")]]
HISTORY = {"event": "history", "symbol": "BTC_CAD", "interval": "1m", "candles": CANDLES, "part": 1, "parts": 1}
EMPTY = ServersSnapshot(1, 1, {}, {})
CLOSES = (None, *23 * [Decimal("0.000016864")])
TRENDS = ServersTrends(1_767_268_800_000, dict.fromkeys(catalogue(), CLOSES))


def answers_to(message: Frame) -> list[Frame]:
    match message["event"]:
        case "assets":
            return [loads(frame) for frame in assets_frames(EMPTY, message["id"])]
        case "history":
            return [HISTORY]
        case "trends":
            return [loads(frame) for frame in trends_frames(TRENDS, message["id"])]
        case "explain":
            return [FRAME]
        case "snapshot":
            return [SNAPSHOT]
        case _:
            return [{"event": "pong", "ts": 5}]


async def answers(connection: ServerConnection, _number: int) -> None:
    """A server that answers every request and knows only BTC_CAD."""
    await welcome(connection)
    while message := await asked(connection):
        if message.get("symbol", "BTC_CAD") == "BTC_CAD":
            await send(connection, *(frame | {"id": message["id"]} for frame in answers_to(message)))
        else:
            words = {"code": "unknown_symbol", "message": "no such symbol", "retryable": False}
            await send(connection, {"event": "error", "id": message["id"], **words})


def test_each_request_has_the_type_of_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "MAX_FRAME_BYTES", 2_000)  # so that the assets come in parts

    async def run() -> None:
        async with serving(answers) as url, asyncio.timeout(DEADLINE_S), Feed(url) as feed:
            history = await feed.request(HistoryRequest("BTC_CAD", "1m", limit=2))
            assert_type(history, History)
            assert history.candles[1] == Candle(
                60_000, Decimal(1), Decimal(2), Decimal(1), Decimal("0.0000168648231000123")
            )
            assert history.in_progress is None
            assets = await feed.request(AssetsRequest())
            assert_type(assets, tuple[Asset, ...])
            assert [asset.symbol for asset in assets] == list(catalogue())
            assert {asset.symbol: asset.renamed_to for asset in assets}["MATIC_CAD"] == "POL_CAD"
            explanation = await feed.request(ExplainRequest("BTC_CAD"))
            assert_type(explanation, Explanation)
            assert explanation == await feed.explain("BTC_CAD")
            trends = await feed.request(TrendsRequest())
            assert_type(trends, Trends)
            assert trends == Trends("1h", TRENDS.until_ms, TRENDS.closes)
            snapshot = await feed.request(SnapshotRequest())
            assert_type(snapshot, Snapshot)
            assert (snapshot.seq, [quote.symbol for quote in snapshot.quotes]) == (41, ["BTC_CAD", "ETH_CAD"])
            pong = await feed.request(PingRequest())
            assert_type(pong, Pong)
            assert pong == Pong(5)

    asyncio.run(run())


def test_each_candle_has_its_ticks_and_is_backfilled_or_not() -> None:
    frames = [{**HISTORY, "ticks": [0, None], "parts": 2}, {**HISTORY, "ticks": [1, 12], "part": 2, "parts": 2}]
    last = {"in_progress": CANDLES[0], "in_progress_ticks": 3}
    history = HistoryRequest("BTC_CAD", "1m").answer([*frames[:1], frames[1] | last])
    assert [candle.ticks for candle in history.candles] == [0, None, 1, 12]
    assert [candle.is_backfilled for candle in history.candles] == [True, False, False, False]
    assert history.in_progress
    assert history.in_progress.ticks == 3


def test_an_older_servers_candles_have_no_ticks() -> None:
    history = HistoryRequest("BTC_CAD", "1m").answer([{**HISTORY, "in_progress": CANDLES[0]}])
    assert history.in_progress
    assert {candle.ticks for candle in (*history.candles, history.in_progress)} == {None}
    assert not any(candle.is_backfilled for candle in history.candles)


@pytest.mark.parametrize("ticks", [[1], [1, 2, 3], 1, None, [1, "2"], [1, Decimal("1.5")], [True, 1]])
def test_ticks_that_do_not_fit_the_candles_are_refused(ticks: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        HistoryRequest("BTC_CAD", "1m").answer([{**HISTORY, "ticks": ticks}])


@pytest.mark.parametrize(
    "fields",
    [
        {"until": None},
        {"until": "0"},
        {"trends": None},
        {"trends": [1]},
        {"trends": [[]]},
        {"trends": [[1, 2]]},
        {"trends": [["BTC_CAD", "1"]]},
    ],
)
def test_trends_that_are_not_as_the_protocol_says_are_refused(fields: dict[str, object]) -> None:
    frame = {"interval": "1h", "until": 0, "trends": [["BTC_CAD", 1, None]]}
    assert TrendsRequest().answer([frame]) == Trends("1h", 0, {"BTC_CAD": (Decimal(1), None)})
    with pytest.raises(ValueError, match=r".+"):
        TrendsRequest().answer([frame | fields])


def test_a_refusal_is_an_error_with_the_servers_code() -> None:
    async def run() -> None:
        async with serving(answers) as url, asyncio.timeout(DEADLINE_S), Feed(url) as feed:
            with pytest.raises(RequestError, match="no such symbol") as refused:
                await feed.request(HistoryRequest("X_CAD", "1m"))
            assert (refused.value.code, refused.value.retryable) == ("unknown_symbol", False)

    asyncio.run(run())


def test_every_error_of_the_client_is_a_feed_error() -> None:
    for kind in (Refused, RequestError):
        error = kind("code", "words")
        assert isinstance(error, FeedError)
        assert (str(error), error.code, error.retryable) == ("code: words", "code", False)


@pytest.mark.parametrize("asset", [None, {}, {"symbol": "X", "name": "x"}, {"symbol": 1, "name": "x", "decimals": 2}])
def test_a_value_that_is_not_an_asset_is_refused(asset: object) -> None:
    whole = {"symbol": "X", "name": "x", "decimals": 2, "status": "live"}
    assert AssetsRequest().answer([{"assets": [whole]}]) == (Asset("X", "x", 2, "live"),)
    with pytest.raises(ValueError, match=r".+"):
        AssetsRequest().answer([{"assets": [asset]}])
