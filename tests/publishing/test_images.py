"""A change as the stream has it, as `publish` makes it of a later snapshot, and as a worker gets it, are one."""

import base64
import time
from dataclasses import replace
from typing import Any

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared.model.delta import Delta
from shared.model.values import Snapshot
from shared.publishing.deadline import AFTERWARDS_S, LONGEST_BATCH_S, deadline_s
from shared.publishing.images import Image, change_in, delta_of, worker_image
from shared.publishing.periodic import RECONNECT_WITHIN_MS, reconnect_in_ms
from shared.store.codec import pack
from tests.samples import AGELESS, NOW_MS, STALE_AFTER_MS, after, quotes

FIRST = after(Snapshot(), quotes("1"))
SECOND = after(FIRST, quotes("2"), NOW_MS + 1_000)
THIRD = after(SECOND, quotes("3"), NOW_MS + 2_000)


def image(snapshot: Snapshot) -> Image:
    packed = base64.b64encode(pack(snapshot)).decode()
    return {"seq": {"N": str(snapshot.seq)}, "packed": {"B": packed}, "epoch": {"N": "1"}, "pk": {"S": "snapshot"}}


def spots(delta: Delta) -> tuple[int, set[int], int, set[int]]:
    return (
        *(delta.old.seq, {int(quote.spot) for quote in delta.old.quotes.values()}),
        *(delta.new.seq, {int(quote.spot) for quote in delta.new.quotes.values()}),
    )


def test_a_change_to_a_later_snapshot_is_from_the_same_old_one() -> None:
    change, unreadable = change_in([{"OldImage": image(FIRST), "NewImage": image(SECOND)}])
    assert change
    assert unreadable == 0
    later = change.up_to(THIRD)
    assert spots(later.judged(AGELESS)) == (1, {1}, 3, {3})
    assert spots(delta_of(later.old, later.new, AGELESS)) == (1, {1}, 3, {3})


@pytest.mark.parametrize("old", [image(FIRST), None, {}])
def test_a_worker_gets_the_same_change_without_the_rest(old: Image | None) -> None:
    mine, theirs = worker_image(old), worker_image(image(SECOND))
    assert theirs
    assert set(theirs) == {"seq", "packed"}
    assert delta_of(mine, theirs, AGELESS) == delta_of(old, image(SECOND), AGELESS)


def test_a_worker_gets_the_part_that_an_image_has() -> None:
    assert worker_image({"seq": {"N": "4"}, "pk": {"S": "x"}}) == {"seq": {"N": "4"}}
    assert worker_image({}) is None


def test_each_unreadable_image_of_a_batch_is_counted() -> None:
    garbage: dict[str, Any] = {"seq": {"N": "2"}, "packed": {"B": "AAAA"}}
    records: list[dict[str, Any]] = [{"OldImage": image(FIRST), "NewImage": garbage}, {"NewImage": garbage}, {}]
    assert change_in(records) == (None, 3)


@pytest.mark.parametrize(
    "broken",
    [
        {**image(SECOND), "seq": {"N": str(10**30)}},
        {**image(SECOND), "seq": {"N": "-1"}},
        image(replace(SECOND, quotes=quotes("2", seq=SECOND.seq + 1))),
        image(replace(SECOND, unavailable={"LTC_CAD": SECOND.seq + 1})),
    ],
)
def test_an_image_with_an_impossible_tick_cannot_be_read(broken: Image) -> None:
    """Else no later tick would be published, or believed."""
    assert change_in([{"OldImage": image(FIRST), "NewImage": broken}]) == (None, 1)
    change, unreadable = change_in([{"OldImage": broken, "NewImage": image(THIRD)}])
    assert change
    assert unreadable == 0
    assert change.judged(AGELESS).old.quotes == {}


def test_a_quotes_age_is_judged_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = replace(AGELESS, stale_ms=STALE_AFTER_MS)
    for late_ms, is_stale in ((STALE_AFTER_MS, False), (STALE_AFTER_MS + 1, True)):
        now_ns = (SECOND.ts_ms + late_ms) * 1_000_000 + 999_999
        monkeypatch.setattr(time, "time_ns", lambda now_ns=now_ns: now_ns)
        told = delta_of(image(FIRST), image(SECOND), limits).new
        assert {quote.stale for quote in told.quotes.values()} == {is_stale}


def test_clients_come_back_within_the_whole_time_and_no_more() -> None:
    spread = range(RECONNECT_WITHIN_MS - 2, RECONNECT_WITHIN_MS + 3)
    assert [reconnect_in_ms(each) for each in spread] == [*spread[:3], 0, 1]


@pytest.mark.parametrize(("left_s", "batch_s"), [(60.0, LONGEST_BATCH_S), (50.0, 45.0), (20.5, 15.5), (3.0, -2.0)])
def test_a_batch_leaves_time_for_what_follows_it(left_s: float, batch_s: float) -> None:
    class Context(LambdaContext):
        @staticmethod
        def get_remaining_time_in_millis() -> int:
            return int(left_s * 1000)

    assert AFTERWARDS_S == 5
    assert deadline_s(Context()) == batch_s
