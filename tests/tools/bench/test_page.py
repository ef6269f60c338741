"""`make bench-page` reads the browser's results."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from tools.bench import page as bench
from tools.bench.page import loading, per_tick, sizes_of_a_visit, steady

SAMPLES = [
    {"heap_mb": 3.0, "nodes": 2_858, "listeners": 66},
    {"heap_mb": 3.25, "nodes": 2_858, "listeners": 66},
]
RESULTS: list[dict[str, Any]] = [
    {"what": "first visits", "row_ms": [800.0, 700.0, 1_000.0], "price_ms": [1_200.0, 1_000.0, 1_400.0]},
    {"what": "per tick", "script": "peer", "script_ms": [4.0, 4.0, 8.0], "task_ms": [30.0, 30.0, 30.0]},
    {"what": "per tick", "script": "page", "script_ms": [2.0, 3.0, 3.0], "task_ms": [20.0, 20.0, 20.0]},
    {"what": "steady", "samples": SAMPLES, "long_tasks_ms": [], "shifts": [], "refused": []},
]


def test_a_first_visit_is_the_median_of_some() -> None:
    row, price = loading(RESULTS).rows
    assert row == ["the first row", "800", "700", "1,000"]
    assert price == ["its price", "1,200", "1,000", "1,400"]


def test_a_visit_loads_the_files_of_one_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "FILES", tmp_path)
    (tmp_path / "assets").mkdir()
    texts = {"index-ENGLISH1.js": 'import("./chart-ENGLISH2.js")', "chart-ENGLISH2.js": 'import "./index-ENGLISH1.js"'}
    for name, text in (texts | {"index-FRENCH_1.js": "a", "chart-FRENCH_2.js": "b"}).items():
        (tmp_path / "assets" / name).write_text(text)
    (tmp_path / "index.html").write_text('<script src="/assets/index-ENGLISH1.js"></script>')
    (tmp_path / "fr.html").write_text('<script src="/assets/index-FRENCH_1.js"></script>')
    sizes = {name.split("-")[0] + ".js": len(gzip.compress(text.encode())) / 1000 for name, text in texts.items()}
    assert sizes_of_a_visit() == sizes


def test_a_ticks_script_is_held_against_the_peers() -> None:
    peer, page = per_tick(RESULTS, 3).rows
    assert (peer[0], peer[1], peer[-1]) == ("rewritten each tick", "4.00", "1.00")
    assert (page[0], page[1], page[2], page[-1]) == ("this page", "3.00", "3.00", "0.750")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            {},
            "Heap growth +0.25 MB. Tasks above 50 ms: none. Layout shifts: none. Refused by the page's policy: nothing",
        ),
        ({"long_tasks_ms": [61.4]}, "Tasks above 50 ms: 61 ms."),
        ({"shifts": ["0.01 count"]}, "Layout shifts: 0.01 count."),
        ({"refused": ["script-src inline"]}, "Refused by the page's policy: script-src inline."),
    ],
)
def test_the_page_bench_reports_heap_growth(found: dict[str, object], said: str) -> None:
    report = steady([*RESULTS[:-1], RESULTS[-1] | found])
    assert report.rows[-1] == ["1 min", "3.25", "2,858", "66"]
    assert said in report.notes[0]
