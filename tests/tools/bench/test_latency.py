"""`make bench-latency` divides the time correctly, from the Lambdas' logs."""

import json

import pytest

from shared.model.values import Snapshot
from shared.store.connections_table import ConnectionsTable
from tests.lambdas import CONNECTION_ID as ID
from tests.lambdas import Context, Load, stream_record
from tests.samples import NOW_MS, after, quote, quotes
from tools.bench.latency import UPDATE, Handled, Listener, Window, marks, parts, table, window_of

FIRST = after(Snapshot(), quotes())
SECOND = after(FIRST, quotes() | {"BTC_CAD": quote(spot="1")}, NOW_MS + 1_000)
HANDLED = {7: Handled(1_030, 1_050, 8), 8: Handled(2_040, 2_070, 9)}
PRICED = {7: 5, 8: 6}
WINDOW = Window(
    clients=2, seqs=range(7, 10), arrivals_ms={7: [1_040, 1_055], 8: [2_060, 2_072]}, ts_ms={7: 1_000, 8: 2_000}
)


@pytest.fixture
def debugging(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - after what sets the others
    """Use an own name: Powertools keeps one logger per name, with its first level."""
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", "DEBUG")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "debugging")


@pytest.mark.usefixtures("debugging")
def test_publish_logs_its_start_its_end_and_its_cpu_time(
    load: Load, connections_table: ConnectionsTable, capsys: pytest.CaptureFixture[str]
) -> None:
    connections_table.add(ID, 1)
    load("publish").handler({"Records": [stream_record(FIRST, SECOND)]}, Context())
    priced, handled = marks(["START RequestId: 1", *capsys.readouterr().out.splitlines()])
    assert priced == {}
    assert handled.keys() == {SECOND.seq}
    posted = handled[SECOND.seq]
    assert posted.began_ms <= posted.ended_ms < posted.began_ms + 60_000
    assert 0 <= posted.cpu_ms <= posted.ended_ms - posted.began_ms + 1


def test_by_default_publish_logs_no_timing(
    load: Load, connections_table: ConnectionsTable, capsys: pytest.CaptureFixture[str]
) -> None:
    connections_table.add(ID, 1)
    load("publish").handler({"Records": [stream_record(FIRST, SECOND)]}, Context())
    assert '"posted"' not in capsys.readouterr().out


def test_a_tick_that_was_not_written_has_no_mark() -> None:
    lines = [
        {"level": "DEBUG", "message": "tick", "seq": 7, "written": True, "priced_ms": 5},
        {"level": "DEBUG", "message": "tick", "seq": 7, "written": False, "priced_ms": 0},
        {"level": "INFO", "message": "ingest stopped", "reason": "successor"},
    ]
    assert marks(json.dumps(line, separators=(",", ":")) for line in lines) == ({7: 5}, {})


def test_the_way_is_cut_at_the_write_the_entry_and_the_last_post() -> None:
    assert parts(WINDOW, PRICED, HANDLED) == {
        "write to arrival": [35, 50, 54, 66],
        "write to handler entry": [25, 34],
        "handler entry to last post": [20, 30],
        "- its processor time": [8, 9],
        "- the rest: waiting": [12, 21],
        "last post to last arrival": [5, 2],
    }


def test_the_table_has_three_percentiles_of_each_part() -> None:
    """It says how many ticks were published together."""
    report = table([WINDOW], PRICED, HANDLED)
    assert list(report.columns) == ["", "2 clients p50", "2 clients p95", "2 clients p99"]
    assert report.rows[0][:2] == ["write to arrival", "52.0"]
    (note,) = report.notes
    assert note.startswith("2 clients: 4 arrivals of 2 ticks, 1 more arrived with the next one.")
    assert note.endswith("From the write to the last arrival 58.0 ms, our code took 8.50 of them (medians).")


def test_an_update_is_known_by_its_beginning() -> None:
    frame = '{"channel":"rates_batch","event":"update","seq":12,"prev_seq":11,"ts":1795366537076,"data":['
    found = UPDATE.search(frame)
    assert found
    assert found.groups() == ("12", "1795366537076")
    assert not UPDATE.search(frame.replace("update", "snapshot"))


def test_a_snapshot_in_place_of_an_update_is_timed_too() -> None:
    first, second = (Listener.__new__(Listener) for _ in range(2))
    first.at_ms, first.ts_ms = {7: 1_040}, {7: 1_000}
    second.at_ms, second.ts_ms = {7: 1_055, 8: 2_072}, {7: 1_000, 8: 2_000}
    window = window_of([first, second], range(7, 10))
    assert window.arrivals_ms == {7: [1_040, 1_055], 8: [2_072]}
    assert parts(window, PRICED, HANDLED)["write to arrival"] == [35, 50, 66]
