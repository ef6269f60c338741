"""The ingest as it is deployed, on the exchange of this machine, woken as the schedule wakes it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from functions.ingest.ticks import TickReport
from shared.store.quotes_table import QuotesTable
from tests.unit.lambdas import Context, Load, metrics
from tools.simulator.faults import parse_faults
from tools.simulator.server import Exchange, exchange_in_thread
from tools.simulator.simulated import SimulatedMarket

SCHEDULED: dict[str, Any] = {
    "version": "0",
    "id": "d77bcbc4-0b2b-4d45-9694-b1df99175cfb",
    "detail-type": "Scheduled Event",
    "source": "aws.scheduler",
    "account": "123456789012",
    "time": "2024-06-18T10:48:00Z",
    "region": "ca-central-1",
    "resources": ["arn:aws:scheduler:ca-central-1:123456789012:schedule/default/cadfeed-ingest"],
    "detail": "{}",
}


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Iterator[Exchange]:
    with exchange_in_thread(SimulatedMarket(seed=1)) as running:
        for name in ("BINANCE", "KRAKEN", "NDAX", "BANK_OF_CANADA", "ER_API", "COINBASE", "COINGECKO"):
            monkeypatch.setenv(f"{name}_BASE_URL", running.url)
        yield running


def test_ingest_stores_one_tick_when_nobody_listens(
    load: Load, exchange: Exchange, quotes_table: QuotesTable, capsys: pytest.CaptureFixture[str]
) -> None:
    assert load("ingest").handler(SCHEDULED, Context()) == {"stopped": "nobody listens"}
    snapshot = quotes_table.snapshot()
    assert snapshot.seq == 1
    assert (len(snapshot.quotes), snapshot.unavailable) == (75, {})
    first = ("BTC_CAD", "LTC_CAD", "USDT_CAD", "QCAD_CAD")
    assert [snapshot.quotes[symbol].source for symbol in first] == [
        "kraken:XBTCAD",
        "binance:LTCUSDT x kraken:USDTCAD",
        "kraken:USDTCAD",
        "coingecko:stablecorp-qcad",
    ]
    assert all(quote.simulated for quote in snapshot.quotes.values())
    assert {name for name, state in snapshot.sources.items() if state.ok_ms} == set(exchange.requests_since_start)
    written = metrics(capsys.readouterr().out)
    assert written.keys() == {"TickDuration", "QuotesChanged", "SourceErrors", "CandlesPending", "PricesHeld"}
    assert (written["QuotesChanged"], written["SourceErrors"], written["CandlesPending"]) == (75, 0, 0)


def test_ingest_stores_what_it_can_when_sources_fail(
    load: Load, exchange: Exchange, quotes_table: QuotesTable, capsys: pytest.CaptureFixture[str]
) -> None:
    exchange.set_faults(parse_faults({"kraken": {"status": 503}, "er_api": {"garbage": True}}))
    load("ingest").handler(SCHEDULED, Context())
    snapshot = quotes_table.snapshot()
    assert len(snapshot.quotes) == 75
    assert snapshot.quotes["BTC_CAD"].source == "binance:BTCUSDT x coinbase:USDT-USD x coingecko:USDCAD"
    assert snapshot.quotes["USDT_CAD"].source == "coinbase:USDT-USD x coingecko:USDCAD"
    assert {name for name, state in snapshot.sources.items() if state.error} == {"kraken", "er_api"}
    assert metrics(capsys.readouterr().out)["SourceErrors"] == 2


def test_ingest_keeps_its_connections_and_pace_from_one_invocation_to_the_next(
    load: Load, exchange: Exchange, quotes_table: QuotesTable
) -> None:
    module = load("ingest")
    module.handler(SCHEDULED, Context())
    module.handler(SCHEDULED, Context())
    asked = {str(name): number for name, number in exchange.requests_since_start.items()}
    assert (asked["binance"], asked["kraken"]) == (2, 2)
    assert (asked["coinbase"], asked["coingecko"], asked["bank_of_canada"], asked["er_api"]) == (1, 1, 1, 1)
    assert len(quotes_table.snapshot().quotes) == 75
    assert quotes_table.lease().epoch == 2


def test_each_source_that_fails_has_a_metric_of_its_own(
    load: Load, exchange: Exchange, capsys: pytest.CaptureFixture[str]
) -> None:
    exchange.set_faults(parse_faults({"kraken": {"status": 503}, "er_api": {"garbage": True}}))
    load("ingest").handler(SCHEDULED, Context())
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"SourceDown"' in line]
    # On a busy machine another one may be too late in the only tick that there is.
    assert {line["source"] for line in lines} >= {"er_api", "kraken"}


def test_each_suspect_source_has_a_metric_of_its_own(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    module = load("ingest")
    told = TickReport(7, 1, True, 20, 30, {"coinbase": "HTTP 503"}, 0, 0, suspects=("binance", "kraken"))
    module.report(told)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "CloudWatchMetrics" in line]
    assert [(line["source"], line.get("SourceDown"), line.get("SourceSuspect")) for line in lines] == [
        ("coinbase", [1.0], None),
        ("binance", None, [1.0]),
        ("kraken", None, [1.0]),
    ]
    directives = [line["_aws"]["CloudWatchMetrics"][0] for line in lines]
    assert all(sorted(directive["Dimensions"][0]) == ["service", "source"] for directive in directives)
