"""`make bench-bytes` counts what the feed sends, and `rates_compact` stays small."""

import pytest

from shared.model.channels import CHANNELS, RATES_BATCH, RATES_COMPACT
from tools.bench import frame_bytes
from tools.bench.frame_bytes import minutes_of, table
from tools.cost.frames import deltas, measure


def test_a_minute_is_a_whole_view_and_the_other_ticks() -> None:
    minutes = {each.channel: each for each in minutes_of(deltas(5, 26), 5)}
    assert minutes.keys() == set(CHANNELS)
    assert minutes[RATES_BATCH].frames == minutes[RATES_COMPACT].frames == 12
    frames = measure(5)
    for channel in (RATES_BATCH, RATES_COMPACT):
        expected = 11 * float(frames.bytes_a_tick(channel)) + frames.whole[channel][0]
        assert minutes[channel].size_bytes == pytest.approx(expected, rel=0.02)
        assert minutes[channel].view_bytes == pytest.approx(frames.whole[channel][0], rel=0.02)
    assert minutes[RATES_COMPACT].size_bytes <= 0.3 * minutes[RATES_BATCH].size_bytes


def test_the_table_has_the_share_of_each_channel(capsys: pytest.CaptureFixture[str]) -> None:
    frame_bytes.main(["--tick", "30", "--minutes", "2"])
    _, _, *rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows] == list(CHANNELS)
    assert rows[1].split()[-1] == "1.000"
    assert table(minutes_of(deltas(30, 4), 30)).splitlines()[1:] == rows
