"""An audience of 0 is believed at once by a run that nobody heard, and after a while by one that was."""

from functions.ingest.unheard import BELIEVED_AFTER_MS, BELIEVED_AFTER_WRITES, Unheard
from tests.samples import NOW_MS

LATER_MS = NOW_MS + BELIEVED_AFTER_MS


def test_a_run_that_nobody_heard_believes_the_first_0() -> None:
    assert Unheard(was_heard=False).is_believed(0, 7, NOW_MS)


def test_a_run_that_took_over_or_was_heard_waits() -> None:
    heard = Unheard(was_heard=False)
    assert not heard.is_believed(2, 6, NOW_MS)
    for unheard in (heard, Unheard(was_heard=True)):
        assert not unheard.is_believed(0, 7, NOW_MS)
        assert not unheard.is_believed(0, 7 + BELIEVED_AFTER_WRITES, LATER_MS - 1)
        assert not unheard.is_believed(0, 7 + BELIEVED_AFTER_WRITES - 1, LATER_MS)
        assert unheard.is_believed(0, 7 + BELIEVED_AFTER_WRITES, LATER_MS)


def test_a_listener_begins_the_time_again() -> None:
    unheard = Unheard(was_heard=True)
    assert not unheard.is_believed(0, 7, NOW_MS)
    assert not unheard.is_believed(1, 8, NOW_MS + 1_000)
    assert not unheard.is_believed(0, 9, LATER_MS)
    assert not unheard.is_believed(0, 20, LATER_MS + BELIEVED_AFTER_MS - 1)
    assert unheard.is_believed(0, 20, LATER_MS + BELIEVED_AFTER_MS)
