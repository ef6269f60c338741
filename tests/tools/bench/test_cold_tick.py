"""The bench's limit of processor time, its listings of real length, and its row."""

import json
from pathlib import Path

import pytest

from shared.sources import binance, kraken
from tools.bench.cold_tick import SHARE, WHOLE_BYTES, Tick, lengthened, table
from tools.bench.cpu_quota import NoQuota, quota


def groups(root: Path, *files: str) -> Path:
    """Make what a kernel shows; the files of a new cgroup appear with it."""
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("cpu memory", encoding="ascii")
    return root


def test_without_a_cgroup_there_is_no_quota(tmp_path: Path) -> None:
    with pytest.raises(NoQuota, match="there is no cgroup"), quota(SHARE, tmp_path / "missing"):
        pass


def test_a_cgroup_without_limits_is_refused_and_removed(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    with pytest.raises(NoQuota, match=r"the cgroup v1 has no cpu\.cfs_period_us"), quota(SHARE, tmp_path):
        pass
    assert list((tmp_path / "cpu").iterdir()) == []
    with (
        pytest.raises(NoQuota, match=r"the cgroup v2 has no cpu\.max"),
        quota(SHARE, groups(tmp_path, "cgroup.controllers")),
    ):
        pass


@pytest.mark.parametrize("path", [binance.PATH, kraken.PATH])
def test_a_listing_gets_as_long_as_the_real_one(path: str) -> None:
    row = {"symbol": "BTCUSDT", "lastPrice": "1.5"}
    listing = [row] if path == binance.PATH else {"error": [], "result": {"XBTCAD": {"a": ["1.5"] * 9}}}
    made = lengthened(path, json.dumps(listing, separators=(",", ":")).encode())
    assert 0.5 < len(made) / WHOLE_BYTES[path] < 1.5
    rows = json.loads(made) if path == binance.PATH else json.loads(made)["result"]
    assert len(rows) > 1_000


def tick(ms: float, cpu_ms: float) -> Tick:
    return {"init_ms": 100, "tick_ms": ms, "cpu_ms": cpu_ms, "poll_ms": 50, "written": True, "errors": {}}


def test_without_a_quota_the_processor_time_bounds_the_tick() -> None:
    found = {"a whole core": [tick(200, 100)], "a seventh of a core": [tick(200, 100)]}
    assert [row[2] for row in table(found, "cgroup v1").rows] == ["200", "200"]
    report = table(found, "none, because there is no cgroup")
    assert [row[2] for row in report.rows] == ["200", "700"]
    assert "none, because there is no cgroup" in report.notes[1]
