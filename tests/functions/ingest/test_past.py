"""What the ingest does about the time before its ticks never stops it."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from functions.ingest.lost_candles import LostCandles
from functions.ingest.past import Past
from shared.backfill.recent_rates import RecentRates
from shared.backfill.start import Starter
from shared.model.candles import DAY_MS, INTERVAL_MS, Candle
from shared.model.values import Snapshot
from shared.store.backfill_jobs import BackfillJobs
from shared.store.beginnings_table import BeginningsTable
from shared.store.candles_table import CandlesTable
from shared.store.trends_table import TrendsTable
from tests.samples import NOW_MS, quote
from tools.simulator.faults import parse_faults
from tools.simulator.server import Exchange, exchange_in_thread
from tools.simulator.simulated import SimulatedMarket

HOUR_MS = INTERVAL_MS["1h"]
PRICE = Decimal("86762.65")
RATES = tuple((NOW_MS - n * HOUR_MS, Decimal("1.37")) for n in reversed(range(26)))


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    with exchange_in_thread(SimulatedMarket(seed=1), clock_ms=lambda: NOW_MS, kraken_ohlc_gap_ms=0) as running:
        yield running


class Stage:
    """The past over tables in moto and the simulated exchange. `invoked` counts backfills."""

    def __init__(self, items: Table, exchange: Exchange) -> None:
        self.jobs = BackfillJobs(items, lambda: NOW_MS)
        self.trends = TrendsTable(items)
        self.beginnings = BeginningsTable(items)
        self.invoked: list[int] = []
        starter = Starter(self.jobs, lambda: self.invoked.append(1))
        self.candles = CandlesTable(items)
        self.past = Past(RecentRates(exchange.url), LostCandles(self.candles), self.trends, self.beginnings, starter)


@pytest.fixture
def stage(quotes_items: Table, exchange: Exchange) -> Stage:
    exchange.set_faults({})
    return Stage(quotes_items, exchange)


def test_the_first_run_starts_a_backfill_after_its_tick(stage: Stage) -> None:
    stage.past.begin(Snapshot(), NOW_MS)
    assert stage.invoked == []
    stage.past.ticked(())
    stage.past.ticked(())
    assert stage.invoked == [1]
    job = stage.jobs.current()
    assert job
    assert (job.from_ms, job.until_ms) == (0, NOW_MS)


def whole_job_two_days_ago(stage: Stage) -> None:
    stage.jobs._now_ms = lambda: NOW_MS - 2 * DAY_MS
    stage.jobs.start(0, NOW_MS - 2 * DAY_MS)
    stage.jobs.end(stage.jobs.take(), is_whole=True)
    stage.jobs._now_ms = lambda: NOW_MS


def test_an_hour_without_a_price_is_a_hole(stage: Stage) -> None:
    """The snapshot itself is young: it is also written while no source answers."""
    whole_job_two_days_ago(stage)
    for age_ms, invoked in ((HOUR_MS, []), (HOUR_MS + 1, [1])):
        prices = {each: quote(each, seen_ms=NOW_MS - age_ms - n) for n, each in enumerate(("BTC_CAD", "ETH_CAD"))}
        stage.past.begin(Snapshot(seq=7, ts_ms=NOW_MS, quotes=prices), NOW_MS)
        stage.past.ticked(())
        assert stage.invoked == invoked
    assert (stage.jobs.current() or pytest.fail("no job")).from_ms == NOW_MS - HOUR_MS - 1


def test_a_feed_without_prices_has_a_hole_since_its_last_job(stage: Stage) -> None:
    whole_job_two_days_ago(stage)
    stage.past.begin(Snapshot(), NOW_MS)
    stage.past.ticked(())
    assert stage.invoked == [1]
    assert (stage.jobs.current() or pytest.fail("no job")).from_ms == NOW_MS - 2 * DAY_MS


def test_the_rates_of_a_day_ago_are_there_for_the_first_tick(stage: Stage) -> None:
    stage.past.begin(Snapshot(), NOW_MS)
    snapshot = stage.past.completed(Snapshot(), 10, NOW_MS)
    for history in (snapshot.usd_cad_history, snapshot.usdt_cad_history):
        assert len(history) >= 25
        assert [ts_ms % HOUR_MS for ts_ms, _ in history] == [0] * len(history)
        assert history[0][0] <= NOW_MS - DAY_MS
        assert all(Decimal("1.2") < mid < Decimal("1.6") for _, mid in history)


def test_a_tick_that_failed_gets_the_rates_again(stage: Stage) -> None:
    stage.past.begin(Snapshot(), NOW_MS)
    lost = stage.past.completed(Snapshot(), 10, NOW_MS)
    again = stage.past.completed(Snapshot(), 0, NOW_MS)
    assert again.usd_cad_history == lost.usd_cad_history
    assert len(again.usd_cad_history) >= 25
    stage.past.ticked(())
    assert stage.past.completed(Snapshot(), 0, NOW_MS) == Snapshot()  # that tick had them


def test_a_feed_that_has_recorded_the_rates_asks_nobody(stage: Stage, exchange: Exchange) -> None:
    asked = exchange.requests_since_start["kraken"]
    known = Snapshot(usd_cad_history=RATES, usdt_cad_history=RATES)
    stage.past.begin(known, NOW_MS)
    assert stage.past.completed(known, 10, NOW_MS) is known
    assert exchange.requests_since_start["kraken"] == asked


def test_rates_that_do_not_come_cost_no_tick(stage: Stage, exchange: Exchange) -> None:
    exchange.set_faults(parse_faults({"kraken": {"status": 500}}))
    stage.past.begin(Snapshot(), NOW_MS)
    assert stage.past.completed(Snapshot(), 10, NOW_MS) == Snapshot()
    exchange.set_faults({})
    stage.past.begin(Snapshot(), NOW_MS)
    assert stage.past.completed(Snapshot(), 10, NOW_MS).usd_cad_history


def test_own_hours_stay_in_the_record(stage: Stage) -> None:
    own = Snapshot(usd_cad_history=((NOW_MS - HOUR_MS, Decimal("9.99")),))
    stage.past.begin(own, NOW_MS)
    assert (NOW_MS - HOUR_MS, Decimal("9.99")) in stage.past.completed(own, 10, NOW_MS).usd_cad_history


def test_a_closed_hour_is_added_to_the_trends_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    added: list[list[tuple[str, Candle]]] = []
    monkeypatch.setattr(stage.trends, "add", lambda hours: added.append(list(hours)))
    hour = Candle(NOW_MS // HOUR_MS * HOUR_MS - HOUR_MS, PRICE, PRICE, PRICE, PRICE, 720)
    stage.past.ticked([("BTC_CAD", "1h", hour)])
    stage.past.ticked(())
    assert added == [[("BTC_CAD", hour)]]


def test_closed_hours_join_the_trends(stage: Stage) -> None:
    hour = Candle(NOW_MS // HOUR_MS * HOUR_MS - HOUR_MS, PRICE, PRICE, PRICE, PRICE, 720)
    stage.past.ticked([("BTC_CAD", "1h", hour), ("BTC_CAD", "1m", hour)])
    assert stage.trends.read().closes["BTC_CAD"][-1] == Decimal(86763)


def test_hours_that_dynamodb_does_not_take_are_added_later(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.exceptions import EndpointConnectionError

    def away(_candles: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://dynamodb")

    hour = Candle(NOW_MS // HOUR_MS * HOUR_MS - HOUR_MS, PRICE, PRICE, PRICE, PRICE, 720)
    with monkeypatch.context() as patch:
        patch.setattr(stage.trends, "add", away)
        stage.past.ticked([("BTC_CAD", "1h", hour)])
    stage.past.ticked([])
    assert stage.trends.read().closes["BTC_CAD"][-1] == Decimal(86763)


def test_a_candle_in_progress_gets_its_beginning(stage: Stage) -> None:
    open_ms = NOW_MS // DAY_MS * DAY_MS
    own = Candle(open_ms, PRICE, PRICE, PRICE, PRICE, 3)
    said = Candle(open_ms, PRICE - 1, PRICE + 5, PRICE - 5, PRICE)
    stage.jobs.start(0, NOW_MS)
    stage.jobs.end(stage.jobs.take(), is_whole=True)
    stage.beginnings.add({("BTC_CAD", "1d"): said})
    snapshot = Snapshot(candles={"BTC_CAD": {"1d": own}}, usd_cad_history=RATES, usdt_cad_history=RATES, ts_ms=NOW_MS)
    stage.past.begin(snapshot, NOW_MS)
    for _ in range(2):  # the first tick may fail
        completed = stage.past.completed(snapshot, 0, NOW_MS).candles["BTC_CAD"]["1d"]
        assert completed == replace(own, open=said.open, high=said.high, low=said.low)
    stage.past.ticked(())
    assert stage.past.completed(snapshot, 0, NOW_MS) is snapshot
    stage.past.begin(snapshot, NOW_MS + DAY_MS)
    assert stage.past.completed(snapshot, 0, NOW_MS) is snapshot


def test_beginnings_of_another_version_are_ignored(stage: Stage, quotes_items: Table) -> None:
    quotes_items.put_item(Item={"pk": "BACKFILL", "sk": "BEGINNINGS", "packed": b"nothing"})
    assert stage.beginnings.read() == {}


def test_candles_lost_with_the_snapshot_go_on_after_a_tick(stage: Stage) -> None:
    """In the snapshot of the next tick, once."""
    minute_ms = NOW_MS // 60_000 * 60_000 - 60_000
    stage.candles.write([("BTC_CAD", "1m", Candle(minute_ms, PRICE, PRICE, PRICE, PRICE, 12))])
    stage.past.begin(Snapshot(seq=9), NOW_MS)
    own = Candle(NOW_MS // HOUR_MS * HOUR_MS, PRICE + 1, PRICE + 1, PRICE + 1, PRICE + 1, 1)
    ticked = Snapshot(seq=10, ts_ms=NOW_MS, candles={"BTC_CAD": {"1h": own}})
    assert stage.past.completed(ticked, 0, NOW_MS).candles == ticked.candles
    for _ in range(3):
        stage.past.ticked(())
        completed = stage.past.completed(ticked, 0, NOW_MS)
        if completed.candles != ticked.candles:
            break
    assert completed.candles["BTC_CAD"]["1h"] == replace(own, open=PRICE, low=PRICE, ticks=13)
    for _ in range(3):
        stage.past.ticked(())
        assert stage.past.completed(ticked, 0, NOW_MS).candles == ticked.candles


def test_broken_items_cost_no_tick(stage: Stage, quotes_items: Table, caplog: pytest.LogCaptureFixture) -> None:
    for sort_key in ("JOB", "BEGINNINGS"):
        quotes_items.put_item(Item={"pk": "BACKFILL", "sk": sort_key, "began_ms": "x", "packed": "x"})
    quotes_items.put_item(Item={"pk": "TRENDS", "sk": "CURRENT", "packed": 7, "version": "x"})
    snapshot = Snapshot(usd_cad_history=RATES, usdt_cad_history=RATES)
    hour = Candle(NOW_MS // HOUR_MS * HOUR_MS - HOUR_MS, PRICE, PRICE, PRICE, PRICE, 720)
    stage.past.begin(snapshot, NOW_MS)
    assert stage.past.completed(snapshot, 0, NOW_MS) is snapshot
    stage.past.ticked([("BTC_CAD", "1h", hour)])
    assert stage.trends.read().closes["BTC_CAD"][-1] == Decimal(86763)
    assert stage.invoked == [1]
    assert not caplog.records


def test_an_unexpected_error_is_logged_and_costs_no_tick(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(stage.jobs, "current", lambda: 1 / 0)
    stage.past.begin(Snapshot(), NOW_MS)
    stage.past.ticked(())
    assert [record.message for record in caplog.records] == ["could not look for a backfill"]
