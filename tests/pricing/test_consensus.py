"""A decision at each of its bounds, and what it remembers for the next one. tests/pricing/test_consensus_lies.py has
its properties."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from shared.model.values import Memory
from shared.pricing.consensus import (
    ASSET_LEEWAY,
    CONFIRMED_FOR_MS,
    LONGEST_HOLD_MS,
    SILENCE_MS,
    Decision,
    Leeway,
    Offer,
    Served,
    decide,
    median,
    near,
    votes_of,
    within,
)

NOW_MS = 1_000_000_000
BAND = Decimal("0.01")


def offer(source: str, mid: str, age_ms: int = 0) -> Offer:
    price = Decimal(mid)
    return Offer(source, price, price, price, price, age_ms)


def decision(*offers: Offer, served: Served | None = None, memory: Memory | None = None, **given: Any) -> Decision:
    """Decide now, with the votes of all."""
    options: dict[str, Any] = {"now_ms": NOW_MS} | given
    votes = votes_of(offers, 60_000, ())
    return decide(offers, votes, BAND, served, memory or Memory(), **options)


def test_prices_are_near_up_to_the_band_in_both_directions() -> None:
    assert near(Decimal(100), Decimal(101), BAND)
    assert near(Decimal(101), Decimal(100), BAND)
    assert not near(Decimal(100), Decimal("101.0001"), BAND)


@pytest.mark.parametrize(
    "changes",
    [
        *({side: Decimal("98.9")} for side in ("bid", "spot", "mid")),
        *({side: Decimal("101.1")} for side in ("ask", "spot", "mid")),
    ],
)
def test_an_offer_is_within_only_with_all_of_its_prices(changes: dict[str, Any]) -> None:
    assert within(offer("a", "100"), Decimal(100), BAND)
    assert not within(replace(offer("a", "100"), **changes), Decimal(100), BAND)


def test_a_median_is_the_middle_or_the_mean_of_two() -> None:
    assert median(map(Decimal, (9, 1, 4))) == 4
    assert median(map(Decimal, (9, 1, 4, 6))) == 5


def test_the_leeway_grows_with_each_second_to_its_most() -> None:
    leeway = Leeway(Decimal("0.05"), Decimal("0.01"), Decimal("0.5"))
    at = (-5_000, 0, 1, 1_000, 10_000, 45_000, 90_000)
    assert [leeway.after(ms) for ms in at] == [
        *(Decimal("0.05"), Decimal("0.05"), Decimal("0.05001"), Decimal("0.06")),
        *(Decimal("0.15"), Decimal("0.5"), Decimal("0.5")),
    ]


def test_old_offers_vote_only_without_three_fresh_ones() -> None:
    fresh = [offer("a", "1", 60_000), offer("b", "1"), offer("c", "1", 1)]
    old = offer("d", "1", 60_001)
    assert votes_of([*fresh, old], 60_000, ()) == {"a": 0, "b": 1, "c": 2}
    assert votes_of([*fresh, old], 60_000, ("a",)) == {"b": 1, "c": 2, "d": 3}
    assert votes_of([fresh[0], replace(fresh[0], mid=Decimal(2))], 60_000, ()) == {"a": 0}


def test_three_votes_say_how_far_apart_they_are_and_confirm() -> None:
    made = decision(offer("a", "100"), offer("b", "101"), offer("c", "104"))
    assert (made.taken, made.reason, made.reference, made.sources) == (0, "first_in_band", Decimal(101), 2)
    assert made.votes == {0, 1, 2}
    assert made.dispersion == Decimal("0.01")
    assert made.memory == Memory(Decimal(101), NOW_MS)


def test_votes_that_all_differ_confirm_nothing() -> None:
    before = Memory(Decimal(50), 7, Decimal(60), 8, 9)
    made = decision(offer("a", "100"), offer("b", "200"), offer("c", "400"), memory=before)
    assert (made.taken, made.sources) == (1, 1)
    assert made.memory == Memory(Decimal(50), 7)


def test_of_two_pairs_apart_the_one_nearest_to_the_middle_serves() -> None:
    made = decision(offer("a", "80"), offer("b", "82"), offer("c", "120"), offer("d", "122"))
    assert (made.taken, made.reason, made.reference, made.sources) == (2, "nearest", Decimal(101), 1)


def test_no_vote_decides_nothing_and_forgets_a_silent_hold() -> None:
    held = Memory(Decimal(50), 7, Decimal(60), NOW_MS - SILENCE_MS, NOW_MS - SILENCE_MS)
    made = decision(memory=held)
    assert (made.taken, made.is_held, made.votes, made.memory) == (None, False, frozenset(), held)
    assert (made.reason, made.reference, made.dispersion, made.sources) == ("", None, None, 0)
    assert decision(memory=held, now_ms=NOW_MS + 1).memory == Memory(Decimal(50), 7)


@pytest.mark.parametrize(
    ("held_ms", "said_ms", "stays"),
    [(NOW_MS, NOW_MS, True), (NOW_MS - 1, NOW_MS, True), (NOW_MS + 1, NOW_MS + 1, False), (NOW_MS, NOW_MS - 1, False)],
)
def test_a_hold_of_the_future_is_forgotten(held_ms: int, said_ms: int, stays: bool) -> None:
    held = Memory(Decimal(50), 7, Decimal(60), held_ms, said_ms)
    assert decision(memory=held).memory == (held if stays else Memory(Decimal(50), 7))


# One source that jumps

PAST = Served(Decimal(100), NOW_MS)


def jumped(age_ms: int = 0, memory: Memory | None = None, now_ms: int = NOW_MS, price: str = "300") -> Decision:
    return decision(offer("a", price, age_ms), served=PAST, memory=memory, now_ms=now_ms)


def test_a_jump_is_held_and_what_was_confirmed_is_kept() -> None:
    made = jumped(memory=Memory(Decimal(101), 7))
    assert (made.taken, made.reason, made.is_held, made.sources) == (None, "jump", True, 0)
    assert made.memory == Memory(Decimal(101), 7, Decimal(300), NOW_MS, NOW_MS)


def test_a_hold_lasts_a_minute_of_repeated_statements() -> None:
    since_ms = NOW_MS - LONGEST_HOLD_MS
    held = Memory(Decimal(101), 7, Decimal(300), since_ms, NOW_MS - 1_000)
    believed = jumped(memory=held)
    assert (believed.taken, believed.reason) == (0, "persisted")
    assert believed.memory == Memory(Decimal(300), NOW_MS)
    early = jumped(memory=replace(held, held_ms=since_ms + 1))
    assert early.memory == Memory(Decimal(101), 7, Decimal(300), since_ms + 1, NOW_MS)


def test_a_price_that_was_not_stated_again_is_not_believed() -> None:
    held = Memory(None, 0, Decimal(300), NOW_MS - LONGEST_HOLD_MS, NOW_MS - 1_000)
    assert jumped(LONGEST_HOLD_MS, held).taken is None
    assert jumped(LONGEST_HOLD_MS - 1, held).taken == 0


@pytest.mark.parametrize(("price", "goes_on"), [("318", True), ("318.01", False), ("283.018868", True), ("283", False)])
def test_another_jump_within_a_hold_begins_a_new_one(price: str, goes_on: bool) -> None:
    """In the second since it was last stated, a held price may move by the leeway of a second, 6 %."""
    since_ms = NOW_MS - 30_000
    assert ASSET_LEEWAY.after(1_000) == Decimal("0.06")
    made = jumped(memory=Memory(None, 0, Decimal(300), since_ms, NOW_MS - 1_000), price=price)
    assert made.memory.held_ms == (since_ms if goes_on else NOW_MS)
    assert (made.memory.held, made.memory.said_ms) == (Decimal(price), NOW_MS)


def test_a_price_is_not_evidence_after_an_hour() -> None:
    fast = Leeway(Decimal("0.05"), Decimal(0), Decimal("0.05"))
    made = [
        decision(offer("a", "300"), served=Served(Decimal(100), NOW_MS - age_ms), leeway=fast)
        for age_ms in (CONFIRMED_FOR_MS, CONFIRMED_FOR_MS + 1)
    ]
    assert [(one.taken, one.reason) for one in made] == [(None, "jump"), (0, "alone")]


def test_any_market_of_a_single_source_may_continue_the_past() -> None:
    made = decision(offer("a", "300"), offer("a", "101"), served=PAST)
    assert (made.taken, made.reason, sorted(made.votes)) == (1, "alone", [0])


# Two that disagree


def disputed(served: Served | None, memory: Memory) -> Decision:
    return decision(offer("a", "100"), offer("b", "200"), served=served, memory=memory)


def test_of_two_the_one_near_the_confirmed_price_serves() -> None:
    """Not the one near the served price, unless the confirmed one is older than an hour."""
    confirmed = Memory(Decimal(201), NOW_MS - CONFIRMED_FOR_MS)
    made = disputed(Served(Decimal(101), NOW_MS), confirmed)
    assert (made.taken, made.reason, made.sources) == (1, "continuous", 1)
    assert made.memory == confirmed
    later = disputed(Served(Decimal(101), NOW_MS), replace(confirmed, confirmed_ms=NOW_MS - CONFIRMED_FOR_MS - 1))
    assert (later.taken, later.reason) == (0, "continuous")


def test_of_two_that_left_the_past_the_nearer_one_is_held() -> None:
    made = disputed(None, Memory(Decimal(20), NOW_MS))
    assert (made.taken, made.reason) == (None, "disagreement")
    assert made.memory == Memory(Decimal(20), NOW_MS, Decimal(100), NOW_MS, NOW_MS)
    long_ago = disputed(None, Memory(Decimal(300), NOW_MS - CONFIRMED_FOR_MS - 1))
    assert (long_ago.taken, long_ago.memory.held) == (None, Decimal(200))
    without_past = disputed(None, Memory())
    assert (without_past.taken, without_past.memory.held) == (None, Decimal(100))


def test_two_that_agree_at_the_band_serve_their_mean() -> None:
    made = decision(offer("a", "100"), offer("b", "101"))
    assert (made.taken, made.reference, made.sources) == (0, Decimal("100.5"), 2)
    assert made.memory.confirmed == Decimal("100.5")
