"""The bench counts and computes correctly, and its clients reach the sink."""

import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tools.bench import read_units, throughput
from tools.bench.carried import carried_mb
from tools.bench.cores import Cores
from tools.bench.growth import table as growth_table
from tools.bench.import_time import IMPORT_LINE, every_setting, ratio
from tools.bench.report import Report, rounded, write
from tools.bench.throughput import FIFTY, LOOP, THIS, WRK, ClientFailed, Entry, run_client
from tools.bench.workload import FRAME, SESSION_TOKEN, ConnectionIds, connection_id
from tools.simulator.sink import Sink, running

ANYWHERE = Cores(None, None)


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sink]:
    with running(tmp_path_factory.mktemp("sink"), latency_ms=1) as made:
        yield made


def test_a_post_has_the_size_of_a_lambdas_post() -> None:
    assert (len(FRAME), len(SESSION_TOKEN)) == (2048, 1000)
    assert connection_id(7).endswith("=")


def test_ids_end_after_a_number_or_a_time() -> None:
    ids = ConnectionIds(posts=3)
    assert len(set(ids)) == ids.taken == 3
    assert list(ConnectionIds(seconds=0)) == []


@pytest.mark.parametrize("entry", [THIS, LOOP, FIFTY], ids=lambda entry: entry.label)
def test_a_client_posts_as_many_as_it_is_told(sink: Sink, entry: Entry) -> None:
    before = sink.counts()["by_status"].get("200", 0)
    result = run_client(entry, sink, ANYWHERE, "--posts=60")
    assert sink.counts()["by_status"]["200"] - before == result["taken"] == result["delivered"] == 60
    assert result["cpu_s"] > 0
    assert 10 < result["peak_mb"] < 500


def test_a_client_that_does_not_deliver_is_an_error(sink: Sink) -> None:
    sink.tell(down_s=60)
    try:
        with pytest.raises(ClientFailed, match="boto3 in a loop"):
            run_client(LOOP, sink, ANYWHERE, "--posts=1")
    finally:
        sink.tell(down_s=0)


def test_the_table_is_of_medians_fastest_first() -> None:
    def result(posts: float, cpu_s: float) -> dict[str, float]:
        return {"delivered": posts, "elapsed_s": 1.0, "cpu_s": cpu_s, "peak_mb": 50.0, "import_ms": 100.0}

    results = {
        FIFTY: [result(1_000, 1.0), result(900, 0.9), result(5, 0.005)],
        THIS: [result(18_000, 0.9)],
        WRK: [],
    }
    report = throughput.table(results, {}, 3)
    assert [row[0] for row in report.rows] == [THIS.label, FIFTY.label, WRK.label]
    assert report.rows[0][2:] == ["18,000", "50.0", "50.0", "100", "0 (in the runtime)", "20.0", "1/20.0"]
    assert report.rows[1][6] == "0 (in the runtime)"
    assert report.rows[2][1] == "not installed"


def test_growth_says_what_a_connection_takes() -> None:
    run = {"first_s": 1.5, "elapsed_s": 1.0, "cpu_s": 0.5, "peak_mb": 80.0}
    report = growth_table({10_000: [run]}, {10_000: [{"elapsed_s": 0.2}]}, {10_000: 170}, {10_000: 2.0}, 1)
    assert report.rows == [["10,000", "1.50", "1.00", "100", "20.0", "50.0", "80.0", "170", "2.00"]]


@pytest.mark.parametrize(
    ("item", "size"),
    [
        ({"pk": "SHARD#0"}, 9),
        ({"n": Decimal(27)}, 1 + 2),
        ({"n": Decimal("-27.5")}, 1 + 4),
        ({"on": True, "none": None}, 2 + 1 + 4 + 1),
        ({"rates": []}, 5 + 3),
        ({"rates": ["BTC-CAD"]}, 5 + 3 + 1 + 7),
        ({"b": b"1234"}, 5),
    ],
)
def test_an_items_size_is_dynamodbs(item: dict[str, object], size: int) -> None:
    assert read_units.item_bytes(item) == size


def test_read_units_are_rounded_up_per_page() -> None:
    assert read_units.of_a_query([100]) == 1
    assert read_units.of_a_query([4_096, 1]) == 2
    assert read_units.of_a_query([1_048_576, 1]) == 257


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (0.04567, "0.0457"), (9.995, "9.99"), (18_249, "18,200")])
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert rounded(value) == text


def test_results_replace_those_before(tmp_path: Path) -> None:
    document = tmp_path / "benchmarks.md"
    document.write_text("before\n<!-- x: begin -->\nold\n<!-- x: end -->\nafter\n", encoding="utf-8")
    report = Report("Title", ["a", "b"], [["one", "2"]], ["A note."])
    write("x", report.markdown(), document)
    write("x", report.markdown(), document)
    table = "### Title\n\n| a | b |\n| --- | ---: |\n| one | 2 |\n\nA note."
    expected = f"before\n<!-- x: begin -->\n\n{table}\n\n<!-- x: end -->\nafter\n"
    assert document.read_text(encoding="utf-8") == expected
    with pytest.raises(ValueError, match="lacks the markers"):
        write("y", "", document)


def test_every_client_adds_bytes_except_boto3() -> None:
    assert carried_mb("requests") > 0.1
    assert carried_mb("boto3") == 0


def test_every_setting_of_the_functions_has_a_value() -> None:
    settings = every_setting()
    assert settings["QUOTES_TABLE"]
    assert int(settings["CONNECTION_SHARDS"]) == 1
    assert settings["CONNECTIONS_URL"].startswith("https://")


def test_a_ratio_is_of_medians() -> None:
    assert ratio({"": [100.0, 90.0, 500.0], "publish": [130.0]}, "publish") == pytest.approx(1.3)


def test_python_says_imports_as_the_bench_reads_them() -> None:
    match = IMPORT_LINE.match("import time:       123 |      45678 |   aws_lambda_powertools.logging")
    assert match
    assert match.groups() == ("123", "45678", "aws_lambda_powertools.logging")


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system keeps no process on a core")
def test_children_stay_on_the_clients_core() -> None:
    mine = os.sched_getaffinity(0)
    core = max(mine)
    with Cores(None, core).children_on_client_core():
        assert os.sched_getaffinity(0) == {core}
    assert os.sched_getaffinity(0) == mine
