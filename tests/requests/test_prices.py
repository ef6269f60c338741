"""The price of a message covers what the feed does for it, and leaves an honest client far from its limit."""

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from shared.model.assets import catalogue
from shared.model.candles import INTERVAL_MS, Candle
from shared.model.explanation import Explanations
from shared.model.message_limit import CLOSED_AFTER, MessageLimit, RateLimited
from shared.model.values import Connection, Snapshot
from shared.protocol import EVENTS, MAX_MESSAGE_BYTES, BadRequest, Message, parse_message
from shared.requests import prices as priced
from shared.requests.prices import DEAREST, PLAIN, Work, kinds, most_in, price, price_of, work
from shared.requests.routes import Admission
from shared.requests.subscriptions import Subscriptions
from shared.store.candle_blocks_table import CandleBlocksTable
from shared.store.candles_table import MAX_READ, CandlesTable
from shared.store.connections_table import ConnectionsTable
from shared.store.quotes_table import QuotesTable
from shared.store.trends_table import TrendsTable
from tests.answering import requests_on
from tests.clients import Clients
from tests.metered import metered
from tests.samples import AGELESS
from tools.cost import prices
from tools.cost.frames import whole_snapshots
from tools.cost.of_a_request import of_a_message
from tools.local import relay

ID = "L0SM9cOFvHcCIhw="
NOBODY = Connection(ID, {})
ALL = list(catalogue())
DEFAULTS = json.loads((Path(__file__).parents[2] / "cdk.json").read_text(encoding="utf-8"))["context"]
LONG = Decimal("123456.789012345678")


def asked(event: str, connection: Connection = NOBODY, **fields: Any) -> int:
    return price(Message(event, None, {"event": event, **fields}), connection)


def test_the_weights_are_the_prices_of_the_cost_model() -> None:
    billionths = Decimal(10**9)
    assert prices.API_GATEWAY_MESSAGE.of(Decimal(1)) * billionths == priced.POST
    assert prices.DYNAMODB_READ.of(Decimal(1)) * billionths == priced.READ_UNIT
    assert prices.DYNAMODB_WRITE.of(Decimal(1)) * billionths == priced.WRITE_UNIT
    assert prices.API_GATEWAY_MESSAGE_BYTES == priced.POST_BYTES
    assert abs(prices.CLOUDFRONT_OUT_GB.of(Decimal(1)) / 1024**2 * billionths - priced.KILOBYTE) < 3
    assert abs(prices.CLOUDFRONT_IN_GB.of(Decimal(1)) / 1024**2 * billionths - priced.KILOBYTE_SENT) < 3


def test_a_plain_message_costs_one() -> None:
    assert price_of(PLAIN) == asked("ping") == asked("subscriptions") == asked("buy") == 1
    assert price(BadRequest("bad_json", "no"), NOBODY) == 1


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ("subscribe", {"channel": "gold"}),
        ("snapshot", {"channel": "rates", "symbols": ["GOLD_CAD"]}),
        ("history", {"symbol": "BTC_CAD", "interval": "1h", "limit": MAX_READ + 1}),
    ],
)
def test_a_message_that_will_be_refused_is_a_plain_one(event: str, fields: dict[str, Any]) -> None:
    assert asked(event, **fields) == 1


def test_a_message_that_is_too_large_costs_by_its_length() -> None:
    """API Gateway takes up to 128 KB and counts them as four messages, though the feed reads none of them."""
    with pytest.raises(BadRequest) as refused:
        parse_message(" " * MAX_MESSAGE_BYTES + " ")
    assert price(refused.value, NOBODY) == 3
    longest = work(refused.value, NOBODY)
    assert (longest.sent_bytes, longest.more_messages) == (relay.MAX_MESSAGE_BYTES, 3)
    assert of_a_message(longest) <= 3 * of_a_message(PLAIN)


def test_over_the_limit_a_large_message_costs_as_much(connections_table: ConnectionsTable) -> None:
    """It has arrived all the same. Else a client at its limit could send twice as much of what costs."""
    connections_table.add(ID, 0)
    admission, over = Admission(connections_table, MessageLimit(1, DEAREST)), []
    for _ in range(DEAREST // 3 + 5):
        try:
            admission(ID, BadRequest("too_large", "no"))
        except RateLimited as refused:
            over.append(refused.over)
    assert [later - earlier for earlier, later in itertools.pairwise(over)] == [3] * (len(over) - 1)
    assert len(over) >= 5


def test_a_message_costs_by_what_it_asks() -> None:
    assert asked("snapshot", channel="rates") > 8 * asked("snapshot", channel="rates_batch")
    assert asked("subscribe", channel="rates") > 8 * asked("subscribe", channel="rates_batch")
    assert asked("subscribe", channel="rates_batch") > asked("subscribe", channel="rates_compact")
    assert asked("snapshot", channel="rates", symbols=ALL[:1]) < asked("snapshot", channel="rates", symbols=ALL[:20])
    history: dict[str, Any] = {"symbol": "BTC_CAD", "interval": "1h"}
    assert asked("history", **history, limit=MAX_READ) > asked("history", **history)


def test_a_snapshot_costs_by_the_subscription_it_repeats() -> None:
    few = Connection(ID, {"rates": tuple(ALL[:2])})
    assert asked("snapshot", few, channel="rates") == asked("snapshot", channel="rates", symbols=ALL[:2])
    assert asked("snapshot", few, channel="rates", symbols=ALL) == asked("snapshot", channel="rates")


def test_every_event_is_priced_as_one_of_the_kinds() -> None:
    told = {price_of(each) for each in kinds().values()}
    fields: dict[str, Any] = {"channel": "rates_batch", "symbol": "BTC_CAD", "interval": "1h"}
    assert {asked(event, **fields) for event in EVENTS} <= told
    assert max(told) == priced.DEAREST == asked("subscribe", channel="rates")


def test_one_connection_cannot_cause_more_than_its_limit() -> None:
    limit = MessageLimit(DEFAULTS["messages_per_minute"], DEFAULTS["message_burst"])
    most = most_in(limit, 1)
    plain = limit.burst + limit.per_minute + CLOSED_AFTER
    for each in kinds().values():
        times = plain // price_of(each)
        assert times * each.posts <= most.posts
        assert times * each.size_bytes <= most.size_bytes
        assert times * each.read_units <= most.read_units
        assert times * each.write_units <= most.write_units
    assert most_in(limit, 2).posts - most.posts < most.posts / 20


def test_an_opened_page_is_far_from_the_limit() -> None:
    """It subscribes, asks for the trends and the assets, and opens five charts, of days: two answers each."""
    chart = asked("history", symbol="BTC_CAD", interval="1d", limit=500)
    opened = asked("subscribe", channel="rates_batch") + asked("trends") + asked("assets")
    explained = asked("explain", symbol="BTC_CAD")
    assert opened + 5 * (2 * chart + explained) <= DEFAULTS["message_burst"] / 3
    # A chart of minutes asks for its last candles each minute, and a client that misses a frame for a snapshot.
    each_minute = asked("history", symbol="BTC_CAD", interval="1m", limit=3) + asked("snapshot", channel="rates_batch")
    assert each_minute < DEFAULTS["messages_per_minute"]


# What the feed does for each message, counted


@pytest.fixture(scope="module")
def market() -> tuple[Snapshot, Snapshot]:
    return whole_snapshots(5)


@pytest.fixture
def feed(
    quotes_items: Table, connections_table: ConnectionsTable, market: tuple[Snapshot, Snapshot]
) -> tuple[Clients, Callable[[Message], None]]:
    """A client with everything subscribed by name, and what acts on its message. While a subscription is answered the
    market moves after each frame, as often as the feed looks."""
    before, after = market
    clients, quotes = Clients(valid=False), QuotesTable(quotes_items)
    quotes.write_snapshot(replace(before, seq=1), 1)
    quotes.write_explanations(Explanations(after.seq, after.ts_ms, after.explained))
    connections_table.add(ID, after.ts_ms // 1000)
    for channel in ("rates", "rates_batch", "rates_compact"):
        connections_table.subscribe(ID, channel, tuple(ALL[1:]))
    TrendsTable(quotes_items).add(
        [
            (symbol, Candle(after.ts_ms // 3_600_000 * 3_600_000 - hour * 3_600_000, LONG, LONG, LONG, LONG, 9))
            for symbol in ALL
            for hour in range(1, 25)
        ]
    )

    following = count(2)

    def move(frame: dict[str, Any]) -> None:
        if ("data" in frame or "rows" in frame) and clients.posts % 20 == 2:
            seq = next(following)
            moved = {symbol: replace(quote, seq=seq) for symbol, quote in after.quotes.items()}
            quotes.write_snapshot(replace(after, seq=seq, quotes=moved), 1)

    subscriptions = Subscriptions(quotes, connections_table, clients.gateway, lambda: None, AGELESS)
    requests = requests_on(quotes_items, clients.gateway, AGELESS)

    admission = Admission(connections_table, MessageLimit(1, 10_000), subscriptions.opening)

    def act(message: Message) -> None:
        connection = admission(ID, message)
        if message.event in {"subscribe", "unsubscribe"}:
            clients.on_post = move
            subscriptions.act(connection, message)
        else:
            requests.answer(connection, message)

    return clients, act


def counted(clients: Clients, act: Callable[[], None]) -> Work:
    with pytest.MonkeyPatch.context() as patch:
        meter = metered(patch)
        act()
    del meter.units["write", "SNAPSHOT"]  # of the test
    size_bytes = sum(map(len, clients.received[ID]))
    return Work(clients.posts, size_bytes, meter.of("read"), meter.of("write"))


def nonsense() -> list[str]:
    """Return as many names as fit into a message, each of which the answer repeats at its longest."""
    return [f"\u0001{number:02}" + "é" * 3 for number in range(99)]


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ("subscribe", {"channel": "rates"}),
        ("subscribe", {"channel": "rates_batch"}),
        ("subscribe", {"channel": "rates_batch", "symbols": ["BTC_CAD", *nonsense()]}),
        ("subscribe", {"channel": "rates_compact"}),
        ("subscribe", {"channel": "rates_compact", "symbols": ALL[:1]}),
        ("subscribe", {"channel": "rates", "symbols": ["BTC_CAD", *nonsense()]}),
        ("unsubscribe", {"channel": "rates", "symbols": ["BTC_CAD", *nonsense()]}),
        ("unsubscribe", {"channel": "rates", "symbols": ALL[1:2]}),
        ("unsubscribe", {}),
        ("snapshot", {"channel": "rates", "symbols": ALL}),
        ("snapshot", {"channel": "rates"}),
        ("snapshot", {"channel": "rates", "symbols": ALL[:1]}),
        ("snapshot", {"channel": "rates_batch", "symbols": ALL}),
        ("snapshot", {"channel": "rates_batch", "symbols": ALL[:1]}),
        ("snapshot", {"channel": "rates_compact", "symbols": ALL}),
        ("snapshot", {"channel": "rates_compact", "symbols": ALL[:1]}),
        ("subscriptions", {}),
        ("ping", {"timestamp": "x" * 36}),
        ("assets", {}),
        ("trends", {}),
        *(("explain", {"symbol": symbol}) for symbol in ("BTC_CAD", "ETH_CAD", "USDC_CAD")),
    ],
)
def test_no_message_makes_more_work_than_its_price_says(
    feed: tuple[Clients, Callable[[Message], None]], event: str, fields: dict[str, Any]
) -> None:
    clients, act = feed
    text = json.dumps({"event": event, "id": "i" * 36, **fields}, ensure_ascii=False)
    message = parse_message(text)
    subscribed = Connection(ID, dict.fromkeys(("rates", "rates_batch", "rates_compact"), tuple(ALL[1:])))
    most = work(message, subscribed)
    done = counted(clients, lambda: act(message))
    assert done.posts
    for name in ("posts", "size_bytes", "read_units", "write_units"):
        assert getattr(done, name) <= getattr(most, name), (name, done, most)


@pytest.mark.parametrize("limit", [1, 100, MAX_READ])
@pytest.mark.parametrize("own", [False, True])
def test_no_history_makes_more_work_than_its_price_says(
    feed: tuple[Clients, Callable[[Message], None]],
    quotes_items: Table,
    market: tuple[Snapshot, Snapshot],
    limit: int,
    own: bool,
) -> None:
    clients, act = feed
    hour_ms = INTERVAL_MS["1h"]
    now_ms = market[1].ts_ms // hour_ms * hour_ms
    # A digit differs from candle to candle, so that a block does not pack better than a market's own.
    past = [
        Candle(now_ms - back * hour_ms, LONG + back, LONG + 3 * back, LONG - Decimal(f"0.{back:012}"), LONG - back, 0)
        for back in range(1, 2_000)
    ]
    if own:
        CandlesTable(quotes_items).write(("BTC_CAD", "1h", candle) for candle in past[:520])
    CandleBlocksTable(quotes_items).add("BTC_CAD", "1h", past[:: 1 if own else 3])
    message = Message("history", "i" * 36, {"symbol": "BTC_CAD", "interval": "1h", "limit": limit, "before": now_ms})
    done = counted(clients, lambda: act(message))
    most = work(message, NOBODY)
    assert done.posts
    for name in ("posts", "size_bytes", "read_units", "write_units"):
        assert getattr(done, name) <= getattr(most, name), (name, done, most)
