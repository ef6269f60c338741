"""The deployed ingest on the simulated exchange, invoked like by the schedule."""

import json
import warnings
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest
from botocore.stub import Stubber

from functions.ingest.ticks import TickReport
from shared import aws
from shared.model.assets import catalogue
from shared.sources.all_sources import SOURCES, AllSources
from shared.store.quotes_table import QuotesTable
from tests.lambdas import Context, Load, metrics
from tools.local.market import base_urls
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
    """An exchange that has answered before: its first answers take half a second of CPU, which the only tick of a run
    may not have on a busy machine."""
    with exchange_in_thread(SimulatedMarket(seed=1)) as running:
        AllSources(dict.fromkeys((make().name for make in SOURCES), running.url)).poll(30)
        running.requests_since_start.clear()
        for name, url in base_urls(running.url).items():
            monkeypatch.setenv(name.upper(), url)
        monkeypatch.setenv("TICK_SECONDS", "5")
        yield running


def test_ingest_stores_one_tick_when_nobody_listens(
    load: Load, exchange: Exchange, quotes_table: QuotesTable, capsys: pytest.CaptureFixture[str]
) -> None:
    assert load("ingest").handler(SCHEDULED, Context()) == {"stopped": "nobody listens"}
    snapshot = quotes_table.snapshot()
    assert snapshot.seq == 1
    assert (len(snapshot.quotes), snapshot.unavailable) == (len(catalogue()), {})
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
    assert written.keys() >= {"TickDuration", "QuotesChanged", "SourceErrors", "CandlesPending", "PricesHeld"}
    assert written.keys() >= {"QuotesAge", "SourcesSilent"}
    assert not written.keys() & {"SourceDown", "SourceSuspect"}
    assert (written["QuotesChanged"], written["SourceErrors"], written["CandlesPending"]) == (len(catalogue()), 0, 0)


def test_ingest_stores_what_it_can_when_sources_fail(
    load: Load, exchange: Exchange, quotes_table: QuotesTable, capsys: pytest.CaptureFixture[str]
) -> None:
    exchange.set_faults(parse_faults({"kraken": {"status": 503}, "er_api": {"garbage": True}}))
    load("ingest").handler(SCHEDULED, Context())
    snapshot = quotes_table.snapshot()
    assert len(snapshot.quotes) == len(catalogue())
    assert snapshot.quotes["BTC_CAD"].source == "binance:BTCUSDT x coinbase:USDT-USD x coingecko:USDCAD"
    assert snapshot.quotes["USDT_CAD"].source == "coinbase:USDT-USD x coingecko:USDCAD"
    assert {name for name, state in snapshot.sources.items() if state.error} == {"kraken", "er_api"}
    assert metrics(capsys.readouterr().out)["SourceErrors"] == 2


def test_a_warm_ingest_keeps_its_connections_and_pace(
    load: Load, exchange: Exchange, quotes_table: QuotesTable
) -> None:
    module = load("ingest")
    module.handler(SCHEDULED, Context())
    module.handler(SCHEDULED, Context())
    asked = {str(name): number for name, number in exchange.requests_since_start.items()}
    assert asked["binance"] == 2
    assert asked["kraken"] == 2 + 2  # besides, once, for the last day of both rates
    assert (asked["coinbase"], asked["coingecko"], asked["bank_of_canada"], asked["er_api"]) == (1, 1, 1, 1)
    assert len(quotes_table.snapshot().quotes) == len(catalogue())
    assert quotes_table.lease().epoch == 2


def test_the_first_ingest_invokes_backfill_once(
    load: Load, exchange: Exchange, quotes_table: QuotesTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKFILL_FUNCTION", "cadfeed-backfill")
    module = load("ingest")
    with Stubber(aws.functions()) as functions:
        functions.add_response(
            "invoke",
            {"StatusCode": 202},
            {"FunctionName": "cadfeed-backfill", "InvocationType": "Event", "Payload": b""},
        )
        module.handler(SCHEDULED, Context())
        functions.assert_no_pending_responses()
    assert len(quotes_table.snapshot().quotes) == len(catalogue())
    assert exchange.requests_of_paths["/0/public/OHLC", "since_start"] == 2


def test_each_source_that_fails_has_a_metric_of_its_own(
    load: Load, exchange: Exchange, capsys: pytest.CaptureFixture[str]
) -> None:
    exchange.set_faults(parse_faults({"kraken": {"status": 503}, "er_api": {"garbage": True}}))
    load("ingest").handler(SCHEDULED, Context())
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"SourceDown"' in line]
    # On a busy machine another source may be too late for the only tick.
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


def test_every_field_of_a_tick_report_is_read(load: Load) -> None:
    """What nobody reads is not worth being counted in each tick."""
    report = TickReport(7, 1, True, 20, 30, {"coinbase": "HTTP 503"}, 0, 0, 5, 1, ("binance",))
    read: set[str] = set()

    class Watched:
        def __getattr__(self, name: str) -> Any:
            read.add(name)
            return getattr(report, name)

    load("ingest").report(Watched())
    assert read == {field.name for field in fields(TickReport)}


def test_failed_calls_of_a_tick_are_counted_and_logged(
    load: Load, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    module = load("ingest")
    module.report_failures(3, "ClientError: throttled")
    module.metrics.flush_metrics()
    assert metrics(capsys.readouterr().out)["StoreErrors"] == 3
    assert [(line.message, vars(line)["calls"], vars(line)["error"]) for line in caplog.records] == [
        ("store failed", 3, "ClientError: throttled")
    ]


def test_the_metrics_of_a_run_are_written_in_their_minute(
    load: Load, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """CloudWatch dates them by their writing, and a run lasts minutes."""
    module = load("ingest")
    lines: list[int] = []
    for at_s in (60, 65, 119, 121, 180):
        monkeypatch.setattr(module.time, "time", lambda at_s=at_s: at_s)
        module.report(TickReport(7, 1, True, 20, 30, {}, 0, 0))
        lines.append(capsys.readouterr().out.count('"TickDuration":['))
    assert lines == [0, 0, 0, 1, 1]
    module.write_metrics()
    assert capsys.readouterr().out.count('"TickDuration":[') == 1
    with warnings.catch_warnings(record=True) as warned:
        module.write_metrics()
        module.metrics.flush_metrics()
    assert capsys.readouterr().out == ""
    assert warned == []
