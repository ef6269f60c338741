"""A snapshot or a lease that was broken, lost or set back: the next tick repairs it, with a higher `seq`."""

import zlib
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from functions.ingest import ticks
from functions.ingest.base import YEAR_2020_S
from functions.ingest.calls import PAUSE_MS
from shared.model.delta import Delta
from shared.model.values import Snapshot
from shared.model.wire import dumps, loads
from shared.store.codec import pack, unpack
from shared.store.quotes_table import LEASE_KEY, SNAPSHOT_KEY
from tests.functions.ingest.ingests import Ingest, Stage

TICK_MS = 1_000
RUN_TICKS = 8
BROKEN_AT = 5  # the round of requests meanwhile
LATER = 10**9  # a tick that no feed has reached
VAST = Decimal("1e118")  # a product of two of them is too long to be stored
Item = dict[str, Any]


@pytest.fixture(autouse=True)
def _short_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "RUN_MS", RUN_TICKS * TICK_MS)


def without(name: str) -> Callable[[Item], Item]:
    return lambda item: {key: value for key, value in item.items() if key != name}


def changed(**values: object) -> Callable[[Item], Item]:
    return lambda item: {**item, **values}


def snapshot_in(item: Item) -> Snapshot:
    return unpack(bytes(item["packed"]))


def with_quotes(item: Item, **values: Any) -> Snapshot:
    """Return the snapshot in an item, with these values in all of its quotes."""
    snapshot = snapshot_in(item)
    return replace(snapshot, quotes={symbol: replace(quote, **values) for symbol, quote in snapshot.quotes.items()})


def with_rates(item: Item, **values: Any) -> Snapshot:
    """Return the snapshot in an item, with these values in all of its rates."""
    snapshot = snapshot_in(item)
    return replace(snapshot, fx_rates={code: replace(rate, **values) for code, rate in snapshot.fx_rates.items()})


BROKEN: dict[str, Callable[[Item], Item]] = {
    "garbage": changed(packed=b"\x00garbage"),
    "huge": changed(packed=zlib.compress(b"[" * 300_000_000, 9)[:390_000]),
    "a text": changed(packed="text"),
    "other JSON": changed(packed=zlib.compress(b"[[],{}]")),
    "a prices of NaN": changed(packed=zlib.compress(b'{"seq":4,"ts_ms":1,"quotes":[{"bid":"NaN"}]}')),
    "no packed": without("packed"),
    "no seq": without("seq"),
    "a text as seq": changed(seq="4"),
    "seq far ahead": changed(seq=10**9),
    "seq beyond all numbers": changed(seq=10**30),
    "seq back": changed(seq=1),
    "a negative seq": changed(seq=-7),
    "no epoch": without("epoch"),
    "an epoch beyond all numbers": changed(epoch=10**30),
    "quotes of later ticks": lambda item: {**item, "packed": pack(with_quotes(item, seq=LATER))},
    "lost symbols of later ticks": lambda item: {
        **item,
        "packed": pack(replace(snapshot_in(item), unavailable={"LTC_CAD": LATER})),
    },
    "rates beyond all numbers": lambda item: {**item, "packed": pack(with_rates(item, bid=VAST, ask=VAST))},
    "a time far ahead": lambda item: {**item, "packed": pack(Snapshot(seq=int(item["seq"]), ts_ms=2**53))},
}


def break_snapshot(stage: Stage, poison: Callable[[Item], Item]) -> None:
    item = stage.items.get_item(Key=SNAPSHOT_KEY)["Item"]
    stage.items.put_item(Item=poison(dict(item)))


def during(ingest: Ingest, act: Callable[[], object]) -> None:
    """Let it happen while the ingest asks its sources for the fifth time."""

    def act_once(number: int) -> None:
        if number == BROKEN_AT:
            act()

    ingest.market.during = act_once


def assert_repaired(stage: Stage, told: int, ticks_left: int) -> None:
    """Every later tick was written, with a `seq` above all that clients were told."""
    stored = stage.table.stored()
    assert stored.is_sound
    later = [seq for _, seq in stage.written if seq > told]
    assert later == list(range(later[0], later[0] + len(later)))
    assert len(later) >= ticks_left
    assert stored.snapshot.seq == later[-1]
    assert "BTC_CAD" in stored.snapshot.quotes
    assert not stored.snapshot.is_ahead_of_itself


@pytest.mark.parametrize("poison", BROKEN.values(), ids=BROKEN)
def test_a_running_ingest_repairs_the_snapshot_in_the_same_tick(stage: Stage, poison: Callable[[Item], Item]) -> None:
    """Nothing is lost: it knows what it wrote."""
    ingest = stage.ingest()
    during(ingest, lambda: break_snapshot(stage, poison))
    assert ingest.run() == "end of run"
    assert_repaired(stage, BROKEN_AT - 1, RUN_TICKS + 1 - BROKEN_AT + 1)
    candles = stage.table.snapshot().candles["BTC_CAD"]
    assert candles["1d"].ticks == RUN_TICKS + 1


@pytest.mark.parametrize("poison", BROKEN.values(), ids=BROKEN)
def test_the_next_run_repairs_the_snapshot_in_its_first_tick(stage: Stage, poison: Callable[[Item], Item]) -> None:
    stage.ingest().run()
    told = stage.table.snapshot().seq
    break_snapshot(stage, poison)
    assert stage.ingest().run() == "end of run"
    assert_repaired(stage, told, RUN_TICKS)


def test_a_next_run_keeps_candles_and_history_that_are_readable(stage: Stage) -> None:
    stage.ingest().run()
    before = stage.table.snapshot()
    parts = {**loads(zlib.decompress(pack(before))), "memories": [["BTC_CAD", "NaN", 1]]}
    break_snapshot(stage, changed(packed=zlib.compress(dumps(parts).encode())))
    stage.ingest().run()
    after = stage.table.snapshot()
    assert after.candles["BTC_CAD"]["1d"].open == before.candles["BTC_CAD"]["1d"].open
    assert after.candles["BTC_CAD"]["1d"].ticks == 2 * RUN_TICKS + 1
    assert after.usd_cad_history == before.usd_cad_history


@pytest.mark.parametrize("is_running", [True, False])
def test_a_deleted_snapshot_is_written_again_with_the_next_seq(stage: Stage, *, is_running: bool) -> None:
    first, second = stage.ingest(), stage.ingest()

    def delete() -> None:
        stage.items.delete_item(Key=SNAPSHOT_KEY)

    if is_running:
        during(first, delete)
    first.run()
    if not is_running:
        delete()
        second.run()
    seqs = [seq for _, seq in stage.written]
    assert seqs == list(range(1, len(seqs) + 1))


@pytest.mark.parametrize("is_running", [True, False])
def test_clients_believe_the_prices_after_a_restored_snapshot(stage: Stage, *, is_running: bool) -> None:
    """The next `seq` is above all that they were told, and all quotes count as changed, so they get those that have not
    changed since the restored one."""
    first, second = stage.ingest(), stage.ingest()
    kept: list[Item] = []

    def keep(snapshot: Snapshot) -> None:
        if snapshot.seq == 3:
            kept.append(dict(stage.items.get_item(Key=SNAPSHOT_KEY)["Item"]))

    first.table.before_write = keep
    if is_running:
        during(first, lambda: stage.items.put_item(Item=kept[0]))
    first.run()
    if not is_running:
        stage.items.put_item(Item=kept[0])
        second.run()
    seqs = [seq for _, seq in stage.written]
    assert seqs == list(range(1, len(seqs) + 1))
    repaired = BROKEN_AT if is_running else RUN_TICKS + 2
    assert stage.table.snapshot().unavailable["LTC_CAD"] == repaired


# The lease


@pytest.mark.parametrize(
    "lease", [None, {}, {"epoch": "x"}, {"epoch": 10**30, "ticked_ms": 1, "until_ms": 1}, {"epoch": -3, "seq": "y"}]
)
def test_the_running_or_the_next_ingest_mends_a_broken_lease(stage: Stage, lease: Item | None) -> None:
    first, second = stage.ingest(), stage.ingest()

    def spoil() -> None:
        stage.items.delete_item(Key=LEASE_KEY)
        if lease is not None:
            stage.items.put_item(Item={**LEASE_KEY, **lease})

    during(first, spoil)
    reason = first.run()
    assert reason == ("successor" if lease and "epoch" in lease else "end of run")
    told = stage.table.snapshot().seq
    spoil()
    assert second.run() == "end of run"
    assert stage.table.lease().epoch == 2
    assert stage.written[-1][0] == 2
    assert_repaired(stage, told, RUN_TICKS)


def test_a_lost_lease_item_costs_no_tick_and_few_calls(stage: Stage) -> None:
    ingest = stage.ingest()
    during(ingest, lambda: stage.items.delete_item(Key=LEASE_KEY))
    ingest.run()
    assert [seq for _, seq in stage.written] == list(range(1, RUN_TICKS + 2))
    assert ingest.items.calls < 6 * RUN_TICKS
    assert stage.table.lease().epoch == 1


def test_a_new_lease_is_above_the_snapshots_epoch(stage: Stage) -> None:
    stage.ingest().run()
    stage.items.update_item(
        Key=SNAPSHOT_KEY, UpdateExpression="SET epoch = :e", ExpressionAttributeValues={":e": 44_000}
    )
    assert stage.ingest().run() == "end of run"
    assert stage.table.lease().epoch == 44_001
    assert_repaired(stage, RUN_TICKS + 1, RUN_TICKS)


def test_in_a_restored_table_seq_follows_the_time(stage: Stage) -> None:
    """Its snapshot may be from any time, and the lease that knows the highest `seq` is missing."""
    stage.ingest().run()
    old = stage.table.snapshot()
    stage.items.delete_item(Key=LEASE_KEY)
    first_new: list[Snapshot] = []
    second = stage.ingest()
    second.table.before_write = lambda snapshot: first_new.append(snapshot) if not first_new else None
    second.run()
    assert first_new[0].seq > stage.clock.ms // 1000 - YEAR_2020_S - 2 * RUN_TICKS
    assert first_new[0].seq < 2**53
    # A client that is behind gets everything: nothing that clients have seen is taken for granted.
    assert Delta(old, first_new[0]).quotes.keys() == first_new[0].quotes.keys()
    assert Delta(old, first_new[0]).unavailable == list(first_new[0].unavailable)
    seqs = [seq for epoch, seq in stage.written if epoch == 2]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))


def test_a_snapshot_that_keeps_moving_costs_one_tick(stage: Stage) -> None:
    ingest = stage.ingest()
    moves = iter(range(1, 100))
    tried_ms: list[int] = []

    def move(_snapshot: Snapshot) -> None:
        if len(ingest.market.asked_ms) == BROKEN_AT:
            tried_ms.append(stage.clock.ms)
            break_snapshot(stage, changed(seq=1_000 + next(moves)))

    ingest.table.before_write = move
    assert ingest.run() == "end of run"
    assert [at_ms - tried_ms[0] for at_ms in tried_ms] == [0, 0, PAUSE_MS, 2 * PAUSE_MS]
    assert len(ingest.reports) == RUN_TICKS
    assert [calls for calls, _ in ingest.failures] == [1]
    assert stage.table.stored().is_sound
