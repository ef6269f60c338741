"""A clock that is wrong makes quotes stale, but leaves none out."""

import time

import pytest

from shared.model.delta import Delta
from shared.model.values import Snapshot
from shared.publishing import images
from shared.publishing.images import Change
from tests.samples import LIMITS, NOW_MS, SYMBOLS, after, quotes

FIRST = after(Snapshot(), quotes(seen_ms=NOW_MS))
MOVED = after(FIRST, quotes(spot="1", seen_ms=NOW_MS + 1_000), NOW_MS + 1_000)


def judged_at(now_ms: int, monkeypatch: pytest.MonkeyPatch) -> Delta:
    monkeypatch.setattr(time, "time_ns", lambda: now_ms * 1_000_000)
    change = Change(images._image(FIRST), images._image(MOVED), MOVED)
    return change.judged(LIMITS)


@pytest.mark.parametrize("ahead_ms", [-86_400_000, -3_600_000, 3_600_000, 86_400_000, 10 * 86_400_000])
def test_a_wrong_clock_leaves_no_quote_out(monkeypatch: pytest.MonkeyPatch, ahead_ms: int) -> None:
    delta = judged_at(NOW_MS + ahead_ms, monkeypatch)
    assert set(delta.quotes) == set(SYMBOLS)
    assert not delta.unavailable
    assert delta.new.late
    assert all(quote.stale for quote in delta.quotes.values())


def test_a_right_clock_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    delta = judged_at(NOW_MS + 1_200, monkeypatch)
    assert not delta.new.late
    assert not any(quote.stale for quote in delta.quotes.values())
