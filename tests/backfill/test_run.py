"""A backfill ends with the same candles, whatever happens to it on the way, and exact ones."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from moto import mock_aws
from mypy_boto3_dynamodb.service_resource import Table

from shared.backfill import run as module
from shared.backfill.run import Progress
from shared.backfill.start import Starter
from shared.model.assets import catalogue
from shared.model.candles import DAY_MS, INTERVAL_MS, Candle
from shared.store.candles_table import CandlesTable
from tests.backfill.stage import ALMOST, NOW_MS, Stage, asked, candles, few, ohlc, staged
from tests.tables import create_table, dynamodb
from tools.simulator.faults import parse_faults

HOUR_MS = INTERVAL_MS["1h"]


@pytest.fixture(autouse=True)
def _few_assets(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of all assets takes a minute."""
    monkeypatch.setattr(module, "catalogue", few)


@pytest.fixture
def stage(quotes_items: Table) -> Iterator[Stage]:
    with staged(quotes_items, NOW_MS) as made:
        yield made


@pytest.fixture(scope="module")
def undisturbed() -> Mapping[tuple[str, str], Any]:
    """What a run stores that nothing disturbs."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setattr(module, "catalogue", few)
        with staged(create_table(dynamodb(), "quotes"), NOW_MS) as stage:
            stage.jobs.start(0, NOW_MS)
            assert stage.backfill().run() == "whole"
            return stage.stored()


# Whatever happens


def test_a_run_that_is_cut_goes_on(stage: Stage, undisturbed: Mapping[Any, Any]) -> None:
    stage.jobs.start(0, NOW_MS)

    def cut(progress: Progress) -> None:
        if progress.done >= 5:
            stage.stop.set()

    runs = 0
    while (ended := stage.backfill(cut if runs < 2 else lambda _progress: None).run()) != "whole":
        assert ended in ("cut", "nothing to do")
        runs += 1
        stage.clock.now_ms += 61_000
    assert runs >= 2
    assert stage.stored() == undisturbed


def test_two_at_once_do_no_harm(stage: Stage, undisturbed: Mapping[Any, Any]) -> None:
    stage.jobs.start(0, NOW_MS)
    job = stage.jobs.take()
    with ThreadPoolExecutor() as threads:
        assert list(threads.map(lambda run: run._work(job), [stage.backfill(), stage.backfill()])) == ["whole"] * 2
    assert stage.stored() == undisturbed


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("binance", {"status": 429, "retry_after": 3}),
        ("kraken", {"garbage": True}),
        ("coinbase", {"cut": True}),
        ("coingecko", {"status": 429, "retry_after": 30}),
        ("bank_of_canada", {"empty": True}),
    ],
)
def test_a_source_that_fails_for_a_while_changes_nothing(
    stage: Stage, undisturbed: Mapping[Any, Any], source: str, fault: dict[str, Any]
) -> None:
    stage.exchange.set_faults(parse_faults({source: fault}))
    stage.jobs.start(0, NOW_MS)
    healthy = stage.exchange.requests_since_start[source] + 3
    backfill = stage.backfill()
    waits = stage.stop.wait

    def wait(timeout: float | None = None) -> bool:
        if stage.exchange.requests_since_start[source] >= healthy:
            stage.exchange.set_faults({})
        return waits(timeout)

    stage.stop.wait = wait  # type: ignore[method-assign]
    assert backfill.run() == "whole"
    assert stage.stored() == undisturbed


def test_a_source_that_is_away_leaves_its_series_for_later(stage: Stage, undisturbed: Mapping[Any, Any]) -> None:
    stage.exchange.set_faults(parse_faults({"coingecko": {"status": 503}}))
    stage.jobs.start(0, NOW_MS)
    assert stage.backfill().run() == "incomplete"
    assert not [key for key in stage.stored() if "ETHW" in key[0] or key[0] == "PAST#1d#MKR_CAD"]
    assert stage.backfill().run() == "nothing to do"
    stage.exchange.set_faults({})
    stage.clock.now_ms = NOW_MS + HOUR_MS
    assert stage.backfill().run() == "whole"
    blocks = {key: value for key, value in stage.stored().items() if "BTC" in key[0]}
    assert blocks == {key: value for key, value in undisturbed.items() if "BTC" in key[0]}


# Holes


def test_a_hole_is_filled_and_own_candles_stay(stage: Stage) -> None:
    own = CandlesTable(stage.items)
    price = Decimal("1000.000001")
    made = [
        ("BTC_CAD", "1m", Candle(NOW_MS // 60_000 * 60_000 - 60_000 * n, price, price, price, price, 12))
        for n in range(181, 300)
    ]
    own.write(made)
    own_items = {key: value for key, value in stage.stored().items() if key[0].startswith("CANDLE")}
    jobs, invoked = stage.jobs, []
    jobs.start(0, NOW_MS - 3 * DAY_MS)
    jobs.end(jobs.current() or pytest.fail("no job"), is_whole=True)
    stage.clock.now_ms = NOW_MS + HOUR_MS
    starter = Starter(jobs, lambda: invoked.append(1))
    starter.look(NOW_MS - 180 * 60_000, stage.clock.now_ms)
    starter.invoke()
    assert invoked == [1]
    assert stage.backfill().run() == "whole"
    minutes = candles(stage, "BTC_CAD", "1m")
    assert [candle.ticks for candle in minutes[: len(made)]] == [12] * len(made)
    filled = [candle for candle in minutes if candle.ticks == 0]
    assert len(filled) >= 239
    assert {key: value for key, value in stage.stored().items() if key[0].startswith("CANDLE")} == own_items
    assert len([key for key in stage.stored() if key[0] == "PAST#1d#BTC_CAD"]) == 0


def test_a_chart_gets_the_minutes_of_its_symbol(stage: Stage) -> None:
    assert stage.backfill().fetch_minutes("LTC_CAD", NOW_MS) == "whole"
    assert stage.backfill().fetch_minutes("LTC_CAD", NOW_MS) == "nothing to do"
    assert len(candles(stage, "LTC_CAD", "1m")) > ALMOST * 480
    assert not candles(stage, "BTC_CAD", "1m")


def test_a_thin_market_in_cad_has_to_agree(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kraken's XRP in CAD trades once an hour in this market, 3 to 7 % beside the others."""
    monkeypatch.setattr(module, "catalogue", lambda: {"XRP_CAD": catalogue()["XRP_CAD"]})
    stage.jobs.start(0, NOW_MS)
    assert stage.backfill().run() == "whole"
    thin = ohlc(stage, "XRPCAD", 60)
    klines = asked(stage, f"/api/v3/klines?symbol=XRPUSDT&interval=1h&limit=500&endTime={NOW_MS}")
    other = {row[0]: Decimal(row[4]) * Decimal("1.37") for row in klines[:-1]}
    stored = {candle.open_ms: candle for candle in candles(stage, "XRP_CAD", "1h")}
    both = [t for t in thin if t in other]
    assert sum(abs(thin[t][3] / other[t] - 1) > Decimal("0.025") for t in both) > 100
    assert not [t for t in both if abs(stored[t].close / other[t] - 1) > Decimal("0.03")]
    assert len(stored) > ALMOST * 90 * 24
