"""Backfilled candles: packed exactly, merged and never lost, and behind the feed's own."""

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mypy_boto3_dynamodb.service_resource import Table

from shared.model.candles import INTERVAL_MS, KEPT_MS, Candle
from shared.store.candle_blocks_codec import pack_block, unpack_block
from shared.store.candle_blocks_table import BLOCK, CandleBlocksTable
from shared.store.candles_table import CandlesTable
from shared.store.whole_history import WholeHistory
from tests.stored import asked_of

HOUR_MS, MINUTE_MS = INTERVAL_MS["1h"], INTERVAL_MS["1m"]
NOW_MS = 1_767_225_600_000  # 2026-01-01 00:00 UTC
FIRST_MS = NOW_MS // (BLOCK * HOUR_MS) * BLOCK * HOUR_MS - 2 * BLOCK * HOUR_MS
BTC = "BTC_CAD"


def candle(open_ms: int, close: str | Decimal = "100.5", ticks: int | None = 0) -> Candle:
    price = Decimal(close)
    return Candle(open_ms, price + 1, price + 3, price - 2, price, ticks)


def hours(first: int, count: int, close: str = "100.5") -> list[Candle]:
    return [candle(FIRST_MS + n * HOUR_MS, close) for n in range(first, first + count)]


def begun(candles: Sequence[Candle]) -> list[int]:
    return [(each.open_ms - FIRST_MS) // HOUR_MS for each in candles]


@pytest.fixture
def blocks(quotes_items: Table) -> CandleBlocksTable:
    return CandleBlocksTable(quotes_items)


@pytest.fixture
def own(quotes_items: Table) -> CandlesTable:
    return CandlesTable(quotes_items, sleep=lambda _seconds: None)


@pytest.fixture
def history(own: CandlesTable, blocks: CandleBlocksTable) -> WholeHistory:
    return WholeHistory(own, blocks)


four = st.lists(st.decimals("1e-12", "1e9", places=14), min_size=4, max_size=4).map(sorted)


@given(st.dictionaries(st.integers(1, 10**7), st.tuples(four, st.booleans()), max_size=40))
def test_a_block_is_exact(given: dict[int, tuple[list[Decimal], bool]]) -> None:
    candles = []
    for number, ((low, a, b, high), rises) in sorted(given.items()):
        opened, close = (a, b) if rises else (b, a)
        candles.append(Candle(number * HOUR_MS, opened, high, low, close))
    assert unpack_block(pack_block(candles, HOUR_MS), HOUR_MS) == candles


@pytest.mark.parametrize("packed", [b"", b"x", b"x\x9c\x03\x00\x00\x00\x00\x01", pack_block([], HOUR_MS)[:-2]])
def test_other_bytes_are_refused(packed: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a packed block|Expecting"):
        unpack_block(packed, HOUR_MS)


def test_candles_of_several_blocks_are_read_as_one(blocks: CandleBlocksTable) -> None:
    given = hours(0, 2 * BLOCK + 10)
    assert blocks.add(BTC, "1h", given) == 3
    assert blocks.read(BTC, "1h", 10_000, from_ms=0, until_ms=NOW_MS) == given
    assert begun(blocks.read(BTC, "1h", 3, from_ms=0, until_ms=given[-1].open_ms)) == [486, 487, 488]
    assert blocks.read("ETH_CAD", "1h", 10, from_ms=0, until_ms=NOW_MS) == []


def test_a_stored_candle_stays_and_others_join_it(blocks: CandleBlocksTable) -> None:
    blocks.add(BTC, "1h", hours(0, 3, "1000"))
    assert blocks.add(BTC, "1h", hours(2, 3)) == 1
    read = blocks.read(BTC, "1h", 10, from_ms=0, until_ms=NOW_MS)
    assert [int(each.close) for each in read] == [1000, 1000, 1000, 100, 100]


def test_what_is_stored_already_writes_nothing(blocks: CandleBlocksTable) -> None:
    blocks.add(BTC, "1h", hours(0, 3))
    assert blocks.add(BTC, "1h", hours(1, 2)) == 0
    assert blocks.add(BTC, "1h", hours(0, 3)) == 0
    assert blocks.add(BTC, "1h", []) == 0


def test_a_writer_that_came_between_loses_nothing(blocks: CandleBlocksTable, monkeypatch: pytest.MonkeyPatch) -> None:
    put = blocks._table.put_item
    calls: list[int] = []

    def put_after_another(**arguments: object) -> object:
        if not calls:
            calls.append(1)
            blocks.add(BTC, "1h", hours(5, 1))
        return put(**arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(blocks._table, "put_item", put_after_another)
    blocks.add(BTC, "1h", hours(0, 2))
    assert begun(blocks.read(BTC, "1h", 10, from_ms=0, until_ms=NOW_MS)) == [0, 1, 5]


def test_sparse_blocks_are_read_until_the_limit(blocks: CandleBlocksTable) -> None:
    given = [candle(FIRST_MS - n * BLOCK * HOUR_MS) for n in reversed(range(30))]
    blocks.add(BTC, "1h", given)
    assert blocks.read(BTC, "1h", 20, from_ms=0, until_ms=NOW_MS) == given[-20:]


def test_a_block_expires_after_its_last_candle(blocks: CandleBlocksTable, quotes_items: Table) -> None:
    blocks.add(BTC, "1m", [candle(NOW_MS)])
    blocks.add(BTC, "1d", [candle(NOW_MS)])
    minute, day = sorted(quotes_items.scan()["Items"], key=lambda item: item["pk"] != f"PAST#1m#{BTC}")
    block_ms = NOW_MS // (BLOCK * MINUTE_MS) * BLOCK * MINUTE_MS
    assert minute["expires_at"] == (block_ms + BLOCK * MINUTE_MS + KEPT_MS["1m"]) // 1000
    assert "expires_at" not in day


def test_own_candles_come_first(history: WholeHistory, own: CandlesTable, blocks: CandleBlocksTable) -> None:
    blocks.add(BTC, "1h", hours(0, 5, "1000"))
    own.write([(BTC, "1h", candle(FIRST_MS + 2 * HOUR_MS, "200", ticks=720))])
    read = history.read(BTC, "1h", 10, now_ms=FIRST_MS + 5 * HOUR_MS)
    assert [int(each.close) for each in read] == [1000, 1000, 200, 1000, 1000]


def test_an_own_candle_of_one_tick_yields(history: WholeHistory, own: CandlesTable, blocks: CandleBlocksTable) -> None:
    blocks.add(BTC, "1h", hours(0, 2, "1000"))
    own.write([(BTC, "1h", candle(FIRST_MS + n * HOUR_MS, "200", ticks=1)) for n in (1, 2)])
    read = history.read(BTC, "1h", 10, now_ms=FIRST_MS + 5 * HOUR_MS)
    assert [int(each.close) for each in read] == [1000, 1000, 200]


@pytest.mark.parametrize("limit", [1, 2, 5, 500])
def test_a_limit_counts_both_kinds(
    history: WholeHistory, own: CandlesTable, blocks: CandleBlocksTable, limit: int
) -> None:
    blocks.add(BTC, "1h", hours(0, 300))
    own.write([(BTC, "1h", candle(FIRST_MS + n * HOUR_MS, ticks=9)) for n in range(250, 420, 2)])
    every = sorted({*range(300), *range(250, 420, 2)})
    now_ms = FIRST_MS + 420 * HOUR_MS
    assert begun(history.read(BTC, "1h", limit, now_ms=now_ms)) == every[-limit:]
    before_ms = FIRST_MS + 260 * HOUR_MS
    assert begun(history.read(BTC, "1h", limit, now_ms=now_ms, before_ms=before_ms)) == list(range(260))[-limit:]


def test_expired_candles_are_not_read(history: WholeHistory, blocks: CandleBlocksTable) -> None:
    blocks.add(BTC, "1h", hours(0, 3))
    now_ms = FIRST_MS + 2 * HOUR_MS + KEPT_MS["1h"]  # an hour and 90 days after the beginning of hour 1
    assert begun(history.read(BTC, "1h", 10, now_ms=now_ms - 1)) == [1, 2]
    assert begun(history.read(BTC, "1h", 10, now_ms=now_ms)) == [2]


def test_a_read_takes_what_began_between_two_times(blocks: CandleBlocksTable) -> None:
    blocks.add(BTC, "1h", hours(0, 10))
    for first, after in ((0, 10), (3, 7), (3, 4), (4, 4), (5, 4), (9, 10), (9, 99)):
        found = blocks.read(BTC, "1h", 9, from_ms=FIRST_MS + first * HOUR_MS, until_ms=FIRST_MS + after * HOUR_MS)
        assert begun(found) == list(range(10))[first:after][-9:]
    found = blocks.read(BTC, "1h", 9, from_ms=FIRST_MS + 3 * HOUR_MS, until_ms=FIRST_MS + 7 * HOUR_MS + 1)
    assert begun(found) == [3, 4, 5, 6, 7]
    blocks.add(BTC, "1h", hours(BLOCK, 2))
    found = blocks.read(BTC, "1h", 2, from_ms=FIRST_MS, until_ms=FIRST_MS + BLOCK * HOUR_MS + 1)
    assert begun(found) == [9, BLOCK]


@pytest.mark.parametrize(("limit", "first", "asked"), [(1, 0, 1), (BLOCK, 0, 1), (1, 2 * BLOCK, 0)])
def test_a_read_asks_for_no_more_blocks_than_it_needs(
    blocks: CandleBlocksTable, quotes_items: Table, limit: int, first: int, asked: int
) -> None:
    blocks.add(BTC, "1h", hours(0, 2 * BLOCK))
    blocks.add(BTC, "1h", hours(-9 * BLOCK, 9 * BLOCK))
    until_ms = FIRST_MS + 2 * BLOCK * HOUR_MS
    with asked_of(quotes_items, "Query") as queries:
        found = blocks.read(BTC, "1h", limit, from_ms=FIRST_MS + first * HOUR_MS, until_ms=until_ms)
    assert len(found) == (limit if asked else 0)
    assert [query["Limit"] for query in queries] == [limit // BLOCK + 2] * asked
