"""/metrics of the local stack: the Lambdas' metrics in Prometheus' text format, read by Prometheus' own parser."""

import json
import time
from collections.abc import Iterable
from typing import Any

import boto3
import pytest
from prometheus_client.parser import text_string_to_metric_families

from functions.ingest.ticks import TickReport
from tests.lambdas import Load
from tools.local.metrics import StackMetrics, Totals

OPTIONS: dict[str, Any] = {"region_name": "us-east-1", "aws_access_key_id": "test", "aws_secret_access_key": "test"}


def parsed(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """The samples as Prometheus reads them. Raises: ValueError: it is not its format."""
    families = list(text_string_to_metric_families(text))
    assert all(family.type in {"summary", "gauge"} for family in families)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def line(values: Iterable[float], unit: str = "Milliseconds", **dimensions: str) -> str:
    """A line as Powertools writes it."""
    directive = {
        "Namespace": "Cadfeed",
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": "TickDuration", "Unit": unit}],
    }
    logged: dict[str, Any] = {"_aws": {"Timestamp": 1, "CloudWatchMetrics": [directive]}}
    return json.dumps(logged | {"TickDuration": list(values)} | dimensions)


@pytest.mark.usefixtures("quotes_items")
def test_what_the_ingest_writes_is_read_by_prometheus(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    ingest, totals = load("ingest"), Totals()
    for took_ms in (30, 50):
        ingest.report(TickReport(7, 1, True, 20, took_ms, {"coinbase": "HTTP 503"}, 0, 0))
    ingest.write_metrics()
    totals.read(capsys.readouterr().out.splitlines())
    samples = parsed(totals.text())
    of_ingest = frozenset({("service", "test")})
    assert samples["cadfeed_tick_duration_milliseconds_sum", of_ingest] == 80
    assert samples["cadfeed_tick_duration_milliseconds_count", of_ingest] == 2
    assert samples["cadfeed_tick_duration_milliseconds_latest", of_ingest] == 50
    assert samples["cadfeed_source_down_sum", of_ingest | {("source", "coinbase")}] == 2


def test_no_text_in_a_label_breaks_the_format() -> None:
    totals = Totals()
    totals.read([line([1], "Bytes", service='a"b\\c\nd')])
    name = frozenset({("service", 'a"b\\c\nd')})
    assert parsed(totals.text())["cadfeed_tick_duration_bytes_sum", name] == 1


def test_other_lines_are_left_out() -> None:
    totals = Totals()
    totals.read(["START RequestId: 1", '{"message": "tick"}', "{cut off", ""])
    assert totals.text() == ""


@pytest.mark.usefixtures("aws")
def test_lines_of_the_stacks_groups_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    logs = boto3.client("logs", **OPTIONS)
    logs.create_log_group(logGroupName="ingest")
    logs.create_log_stream(logGroupName="ingest", logStreamName="a")
    metrics, now_ms = StackMetrics("Cadfeed", OPTIONS), int(time.time() * 1000)
    monkeypatch.setattr(metrics, "_find_groups", lambda: ["ingest"])  # tests/e2e/test_metrics.py asks for the stack's

    def put(*values: float) -> float:
        events = [{"timestamp": now_ms, "message": line([value], service="ingest")} for value in values]
        logs.put_log_events(logGroupName="ingest", logStreamName="a", logEvents=events)
        return parsed(metrics.text())["cadfeed_tick_duration_milliseconds_sum", frozenset({("service", "ingest")})]

    assert put(1, 2) == 3
    assert put(4) == 7  # in the same millisecond as what was read
    assert put(8, 16) == 31
