"""Packed items, candles and jobs that nobody can read: they count as none, and the next write repairs them."""

import zlib
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from shared.model.candles import INTERVAL_MS, Candle
from shared.model.explanation import Explanations
from shared.store.backfill_jobs import JOB_KEY, ONE_JOB_PER_MS, BackfillJobs
from shared.store.beginnings_table import BeginningsTable
from shared.store.candle_blocks_table import BLOCK, CandleBlocksTable
from shared.store.candles_table import CandlesTable
from shared.store.packed import MOST_BYTES, price_of, unzipped
from shared.store.quotes_table import EXPLAIN_KEY, QuotesTable
from shared.store.trends_table import TrendsTable
from shared.store.whole_history import WholeHistory
from tests.samples import NOW_MS

HOUR_MS = INTERVAL_MS["1h"]
OPEN_MS = NOW_MS // HOUR_MS * HOUR_MS
BLOCK_MS = OPEN_MS // (BLOCK * HOUR_MS) * BLOCK * HOUR_MS
FIVE = Decimal(5)
CANDLE = Candle(OPEN_MS, FIVE, FIVE, FIVE, FIVE, 3)
JOB: dict[str, Any] = {"began_ms": NOW_MS, "from_ms": 0, "until_ms": NOW_MS, "heard_ms": 0, "ended": ""}


def packed(text: str) -> dict[str, Any]:
    return {"packed": zlib.compress(text.encode())}


UNREADABLE: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a text": {"packed": "text"},
    "a number": {"packed": 5},
    "null": {"packed": None},
    "a list": {"packed": [1]},
    "garbage": {"packed": b"\x00garbage"},
    "another value": packed("5"),
    "nested too deeply": packed("[" * 100_000),
    "a bomb": {"packed": zlib.compress(b"[" * 50 * MOST_BYTES, 9)},
    "a version at the end of all numbers": {**packed("[]"), "version": Decimal("9." + "9" * 37 + "E+125")},
    "a short row": packed(f'[{OPEN_MS},{{"BTC_CAD":[1]}}]'),
    "a candle beyond all numbers": packed("[0,[1e400],[1],[0],[0],[0]]"),
    "an exponent beyond all numbers": packed("[100000,[1],[1],[0],[0],[0]]"),
}
PRICES = {"o": "1", "h": "1", "l": "1", "c": "1"}
CANDLES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a text": {**PRICES, "o": "high"},
    "no number": {**PRICES, "h": "NaN"},
    "no end": {**PRICES, "h": "Infinity"},
    "beyond all numbers": {**PRICES, "h": "1E+999999"},
    "a list": {**PRICES, "h": [1]},
    "ticks as text": {**PRICES, "n": "many"},
}
JOBS: dict[str, dict[str, Any]] = {
    "a text": {**JOB, "until_ms": "then"},
    "half a millisecond": {**JOB, "heard_ms": Decimal("1.5")},
    "series as text": {**JOB, "done": "BTC"},
    "series as numbers": {**JOB, "done": {1}},
    "an end as number": {**JOB, "ended": 5},
}


@pytest.mark.parametrize("broken", UNREADABLE.values(), ids=UNREADABLE)
def test_tables_go_on_after_a_packed_item_that_is_broken(quotes_items: Table, broken: dict[str, Any]) -> None:
    trends, beginnings = TrendsTable(quotes_items, lambda: NOW_MS), BeginningsTable(quotes_items)
    blocks, quotes = CandleBlocksTable(quotes_items), QuotesTable(quotes_items)
    for pk, sk in (("TRENDS", "CURRENT"), ("BACKFILL", "BEGINNINGS"), ("PAST#1h#BTC_CAD", f"{BLOCK_MS:013d}")):
        quotes_items.put_item(Item={"pk": pk, "sk": sk, **broken})
    quotes_items.put_item(Item={**EXPLAIN_KEY, "seq": 1, **broken})
    assert trends.read().closes == {}
    assert beginnings.read() == {}
    assert blocks.read("BTC_CAD", "1h", 9, from_ms=0, until_ms=NOW_MS) == []
    assert quotes.explanations() == Explanations()
    trends.add([("BTC_CAD", CANDLE)])
    beginnings.add({("BTC_CAD", "1h"): CANDLE})
    blocks.add("BTC_CAD", "1h", [CANDLE])
    assert trends.read().closes["BTC_CAD"][-1] == 5
    assert beginnings.read()["BTC_CAD", "1h"].close == 5
    assert [each.close for each in blocks.read("BTC_CAD", "1h", 9, from_ms=0, until_ms=NOW_MS)] == [5]


@pytest.mark.parametrize("broken", CANDLES.values(), ids=CANDLES)
def test_a_history_is_read_without_a_candle_that_is_broken(quotes_items: Table, broken: dict[str, Any]) -> None:
    candles = CandlesTable(quotes_items)
    candles.write([("BTC_CAD", "1h", CANDLE)])
    quotes_items.put_item(Item={"pk": "CANDLE#1h#BTC_CAD", "sk": f"{OPEN_MS - HOUR_MS:013d}", **broken})
    quotes_items.put_item(Item={"pk": "CANDLE#1h#BTC_CAD", "sk": f"{OPEN_MS - 2 * HOUR_MS}x", **PRICES})
    history = WholeHistory(candles, CandleBlocksTable(quotes_items))
    assert history.read("BTC_CAD", "1h", 9, now_ms=NOW_MS) == [CANDLE]
    early = replace(CANDLE, open_ms=OPEN_MS - 3 * HOUR_MS)
    assert candles.missing("BTC_CAD", "1h", [early, CANDLE]) == [early]


@pytest.mark.parametrize("broken", JOBS.values(), ids=JOBS)
def test_the_next_job_takes_the_place_of_one_that_is_broken(quotes_items: Table, broken: dict[str, Any]) -> None:
    quotes_items.put_item(Item={**JOB_KEY, **broken})
    jobs = BackfillJobs(quotes_items, lambda: NOW_MS + ONE_JOB_PER_MS)
    assert jobs.current() is None
    jobs.start(0, NOW_MS)
    job = jobs.take()
    jobs.progressed(job, ["BTC"])
    jobs.end(job, is_whole=True)


def test_what_is_unzipped_has_a_bound() -> None:
    assert unzipped(zlib.compress(b'{"a":1.5}')) == {"a": Decimal("1.5")}
    with pytest.raises(ValueError, match="cut off, or over 2000000 bytes"):
        unzipped(zlib.compress(b" " * MOST_BYTES + b"1"))


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1E+121", "1E-121"])
def test_a_price_is_finite_and_has_a_bound(text: str) -> None:
    with pytest.raises(ValueError, match="not a price"):
        price_of(text)
    assert price_of("1E+120") == Decimal("1E+120")
