"""A run of the ingest writes changes, the candles of ended minutes, and an unchanged snapshot every 10 s."""

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest
from botocore.exceptions import EndpointConnectionError

from functions.ingest import ticks
from functions.ingest.ticks import MOST_PENDING_CANDLES, TickReport
from shared.model.assets import catalogue
from shared.model.candles import INTERVAL_MS, Candle, Closed
from shared.model.explanation import Explanations
from shared.model.staleness import DROP_AFTER_MS
from shared.model.values import Polled, Snapshot, SourceState, Suspicion
from shared.store.candles_table import NotWritten
from tests.functions.ingest.ingests import POLL_MS, Stage, assert_each_seq_once_in_order
from tests.samples import NOW_MS, rate_ticker, ticker

TICK_MS = 1_000
RUN_TICKS = 20  # a minute ends meanwhile


@pytest.fixture(autouse=True)
def _short_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "RUN_MS", RUN_TICKS * TICK_MS)


def test_an_unchanged_tick_writes_every_10_s_or_at_minutes_end(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """10 s is a third of the 30 s after which a quote is stale, so readers know that it was confirmed."""
    monkeypatch.setattr(ticks, "RUN_MS", 40 * TICK_MS)
    ingest = stage.ingest()
    ingest.market.moves = False
    times: list[int] = []
    ingest.table.before_write = lambda snapshot: times.append(snapshot.ts_ms)
    ingest.run()
    gaps = [after - before for before, after in pairwise(times)]
    assert [seq for _, seq in stage.written] == list(range(1, len(times) + 1))
    minute_over = next(number for number, at_ms in enumerate(times) if at_ms // 60_000 > times[0] // 60_000)
    assert times[minute_over] % 60_000 < 1_000
    assert {10_000 <= gap < 11_000 for gap in gaps[: minute_over - 1] + gaps[minute_over:]} == {True}
    assert [report.written for report in ingest.reports].count(True) == len(times)
    assert [report.changed for report in ingest.reports[1:]] == [0] * 40
    assert ingest.reports[-1].seq == len(times)
    # Nothing counts as changed after the first tick.
    assert stage.table.snapshot().quotes["BTC_CAD"].seq == 1


def test_a_change_after_unwritten_ticks_follows_the_stored_seq(stage: Stage) -> None:
    ingest = stage.ingest()
    ingest.market.moves = False

    def move(number: int) -> None:
        ingest.market.moves = number >= 10

    ingest.market.during = move
    ingest.run()
    assert_each_seq_once_in_order(stage.written)
    assert len(stage.written) == 1 + RUN_TICKS + 1 - 9


def test_with_every_source_down_the_ingest_still_writes(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.ingest().run()
    monkeypatch.setattr(ticks, "RUN_MS", 40 * TICK_MS)  # a quote is stale after 30 s
    seq = stage.table.snapshot().seq
    silent = stage.ingest()
    down = Polled([], {"binance": SourceState(NOW_MS, "HTTP 503", failures=3, retry_ms=NOW_MS + 1)})
    monkeypatch.setattr(silent.market, "poll", lambda _timeout_s: down)
    silent.run()
    stored = stage.table.snapshot()
    assert stored.seq > seq
    assert stored.quotes["BTC_CAD"].stale
    assert stored.sources == down.states
    assert silent.reports[-1].errors == {"binance": "HTTP 503"}


def test_a_run_resumes_the_stored_circuits(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "RUN_MS", 2 * TICK_MS)
    stage.ingest().run()
    stored = stage.table.snapshot().sources
    later = stage.ingest()
    later.run()
    assert later.market.resumed == [stored]
    assert stored["binance"].ok_ms > 0


def test_refused_candles_stop_no_price_and_are_sent_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    ingest = stage.ingest()
    write, offered = ingest.candles.write, []

    def refuse_once(closed: list[Closed]) -> None:
        offered.append(len(closed))
        if closed and not any(offered[:-1]):
            raise NotWritten(closed)
        write(closed)

    monkeypatch.setattr(ingest.candles, "write", refuse_once)
    ingest.run()
    assert_each_seq_once_in_order(stage.written)
    assert [number for number in offered if number] == [1, 1]
    assert [report.candles_pending for report in ingest.reports].count(1) == 1
    (candle,) = ingest.candles.read("BTC_CAD", "1m", 10, now_ms=stage.clock.ms)
    assert candle.open_ms == NOW_MS // 60_000 * 60_000


def test_pending_candles_are_sent_again_when_a_run_ends(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    ingest = stage.ingest()
    write = ingest.candles.write

    def refuse_while_ticking(closed: list[Closed]) -> None:
        if closed and stage.table.lease().until_ms:
            raise NotWritten(closed)
        write(closed)

    monkeypatch.setattr(ingest.candles, "write", refuse_while_ticking)
    assert ingest.run() == "end of run"
    assert ingest.reports[-1].candles_pending == 1
    assert len(ingest.candles.read("BTC_CAD", "1m", 10, now_ms=stage.clock.ms)) == 1


def test_of_candles_refused_for_long_the_newest_are_kept(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    ingest = stage.ingest()
    price = Decimal(1)
    hours = [
        ("BTC_CAD", "1h", Candle(number, price, price, price, price)) for number in range(MOST_PENDING_CANDLES + 5)
    ]
    offered: list[list[Closed]] = []

    def refuse(closed: list[Closed]) -> None:
        offered.append(closed)
        raise NotWritten(closed)

    monkeypatch.setattr(ingest.candles, "write", refuse)
    ingest.ticks._write_candles(tuple(hours))
    ingest.ticks._write_candles(())
    assert offered == [hours, hours[5:]]


def test_the_past_is_told_the_candles_of_a_minute_once(stage: Stage) -> None:
    ingest = stage.ingest()
    ingest.market.moves = False
    ingest.run()
    assert [(symbol, interval, candle.open_ms) for symbol, interval, candle in ingest.past.closed] == [
        ("BTC_CAD", "1m", NOW_MS // 60_000 * 60_000)
    ]


def test_what_the_past_knows_is_in_the_tick(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.nobody_listens()
    ingest = stage.ingest()
    earlier = (NOW_MS - INTERVAL_MS["1h"], Decimal("1.37"))
    monkeypatch.setattr(
        ingest.past, "completed", lambda snapshot, *_times: replace(snapshot, usd_cad_history=(earlier,))
    )
    ingest.run()
    assert earlier in stage.table.snapshot().usd_cad_history


def test_the_past_gets_what_the_sources_leave_of_their_time(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "RUN_MS", 2_500)
    ingest = stage.ingest()

    def slow(number: int) -> None:
        stage.clock.ms += 1_000 if number == 2 else 0

    ingest.market.during = slow
    ingest.run()
    assert ingest.past.limits_s == [pytest.approx(0.8 - POLL_MS / 1000), 0, pytest.approx(0.8 - POLL_MS / 1000)]


def test_ticks_whose_explanations_fail_are_counted(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "RUN_MS", 6_000)
    ingest = stage.ingest()
    write = ingest.table.write_explanations

    def fail_twice(explanations: Explanations) -> None:
        if explanations.seq in {2, 4}:
            raise EndpointConnectionError(endpoint_url="https://dynamodb.example")
        write(explanations)

    monkeypatch.setattr(ingest.table, "write_explanations", fail_twice)
    ingest.run()
    assert [report.unexplained for report in ingest.reports][:5] == [0, 1, 1, 2, 2]
    stored = stage.table.explanations()
    assert stored.seq == ingest.reports[-1].seq
    assert "BTC_CAD" in stored.by_symbol


def test_a_report_names_the_sources_that_are_suspect(stage: Stage) -> None:
    stage.nobody_listens()
    stage.table.write_snapshot(Snapshot(seq=1, ts_ms=NOW_MS, suspects={"kraken": Suspicion(3, NOW_MS)}), 1)
    ingest = stage.ingest()
    ingest.run()
    assert [report.suspects for report in ingest.reports] == [("kraken",)]


def test_a_report_says_how_long_a_price_took_to_its_write(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "RUN_MS", 2_500)
    ingest = stage.ingest()
    ingest.market.moves = False

    def slowly(_closed: list[Closed]) -> None:
        stage.clock.ms += 40

    monkeypatch.setattr(ingest.candles, "write", slowly)
    ingest.run()
    assert [(report.written, report.priced_ms) for report in ingest.reports] == [(True, 40), (False, 0), (False, 0)]


def test_a_report_names_what_is_wrong(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that failed 4 s ago, and a price that it holds."""
    monkeypatch.setattr(ticks, "RUN_MS", 2 * TICK_MS)
    ingest = stage.ingest()
    failed = SourceState(NOW_MS - 4_000, "HTTP 503", failures=1, retry_ms=NOW_MS)
    prices = iter(["65000", "95000", "95000"])

    def poll(_timeout_s: float) -> Polled:
        said = (ticker(last=next(prices)), rate_ticker("kraken:USDCAD", "1.3347"))
        now_ms = stage.clock.ms
        return Polled([replace(of, ts_ms=now_ms, answered_ms=now_ms) for of in said], {"binance": failed})

    monkeypatch.setattr(ingest.market, "poll", poll)
    ingest.run()
    assert [report.errors for report in ingest.reports] == [{"binance": "HTTP 503"}] * 3
    assert [report.sources_silent_ms for report in ingest.reports[:2]] == [4_000, 4_544]
    assert [report.held for report in ingest.reports] == [0, 1, 1]
    assert [list(report.newly_held) for report in ingest.reports] == [[], ["BTC_CAD"], []]


def test_a_report_says_what_the_tick_did(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "RUN_MS", 2 * TICK_MS)
    ingest = stage.ingest()
    ingest.run()
    assert ingest.reports[0] == TickReport(
        seq=1,
        changed=len(catalogue()),
        written=True,
        poll_ms=100,
        took_ms=100,
        errors={},
        candles_pending=0,
        held=0,
        quotes_age_ms=DROP_AFTER_MS,  # most symbols have no price here
    )
    assert ingest.reports[1] == replace(ingest.reports[0], seq=2, changed=1)
