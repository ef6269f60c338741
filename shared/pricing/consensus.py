"""Decides which of several offers to believe: by the median of independent votes, by continuity if they are too few.

The same rules decide an asset's price and a currency's rate, with other bands. docs/prices.md says why these rules.
Callers enter the decimal context `EXACT` once for all decisions.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from types import MappingProxyType

from shared.model.values import Memory

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
ENOUGH_VOTES = 3  # with three votes no single source decides
LONGEST_HOLD_MS = MINUTE_MS
SILENCE_MS = 15_000  # a held price that no source has stated for this long is forgotten
CONFIRMED_FOR_MS = HOUR_MS  # then the last served price is the better evidence
SHORT = Context(prec=12)  # for numbers that are only compared

# By source, the factors that the reference would change by if the currencies' rates were made without that source.
Tilts = Mapping[str, Sequence[Decimal]]


@dataclass(frozen=True, slots=True)
class Offer:
    """One market's price in CAD. `mid` is its vote: the middle of its book, or its last trade if it has no book. `bid`,
    `ask` and `spot` would be served."""

    source: str
    bid: Decimal
    ask: Decimal
    spot: Decimal
    mid: Decimal
    age_ms: int


@dataclass(frozen=True, slots=True)
class Leeway:
    """How far a price may move without a second source, as a fraction: `base` plus `per_s` for each second, up to
    `most`."""

    base: Decimal
    per_s: Decimal
    most: Decimal

    def after(self, elapsed_ms: int) -> Decimal:
        return min(self.base + self.per_s * max(0, elapsed_ms) / 1000, self.most)


ASSET_LEEWAY = Leeway(Decimal("0.05"), Decimal("0.01"), Decimal("0.5"))


@dataclass(frozen=True, slots=True)
class Served:
    """The last served price, and when a source last confirmed it."""

    price: Decimal
    seen_ms: int


@dataclass(frozen=True, slots=True)
class Decision:
    """The index of the offer that is `taken` (`None`: none), the `reason`, and the indices of the offers that voted.

    `reference` is the median of the votes and `dispersion` their median distance from it, as a fraction. `sources` is
    how many sources agree with the taken offer, its own included. `memory` is for the next decision.
    """

    taken: int | None
    reason: str
    votes: frozenset[int]
    reference: Decimal | None
    dispersion: Decimal | None
    sources: int
    memory: Memory

    @property
    def is_held(self) -> bool:
        """Whether there are votes but none is believed yet."""
        return self.taken is None and bool(self.votes)


def near(one: Decimal, other: Decimal, band: Decimal) -> bool:
    """Whether neither is above the other by more than the band, a fraction. Up and down count the same."""
    low, high = (one, other) if one < other else (other, one)
    return high <= low * (1 + band)


def median(values: Iterable[Decimal]) -> Decimal:
    """The middle value, or the mean of the middle two."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def votes_of(offers: Sequence[Offer], fresh_ms: int, excluded: Collection[str]) -> dict[str, int]:
    """The vote of each source: the index of its first offer. Old offers vote only if fewer than three are fresh."""
    first: dict[str, int] = {}
    for index, offer in enumerate(offers):
        if offer.source not in excluded:
            first.setdefault(offer.source, index)
    fresh = {source: index for source, index in first.items() if offers[index].age_ms <= fresh_ms}
    return fresh if len(fresh) >= ENOUGH_VOTES else first


def decide(
    offers: Sequence[Offer],
    votes: Mapping[str, int],
    band: Decimal,
    served: Served | None,
    memory: Memory,
    now_ms: int,
    leeway: Leeway = ASSET_LEEWAY,
    silence_ms: int = SILENCE_MS,
    excluded: Collection[str] = (),
    tilts: Tilts = MappingProxyType({}),
) -> Decision:
    """Decides which offer to believe. `offers` are in order of preference; those of `excluded` sources never serve.

    With three or more votes the reference is their median; with two that agree, their mean. Of two that disagree, the
    one serves that continues the last price that two sources confirmed. A single vote has to continue the served price.
    A price that is not believed is held for at most a minute while its sources keep stating it; a silence of
    `silence_ms` ends that.

    A source whose rate converts the others' prices also moves the reference. So its offers must also be near the
    reference without that source, which `tilts` gives.
    """
    mids = [offers[index].mid for index in votes.values()]
    if not mids:
        return Decision(None, "", frozenset(), None, None, 0, _unless_silent(memory, now_ms, silence_ms))
    reference = median(mids)
    enough = len(mids) >= ENOUGH_VOTES
    if enough or (len(mids) == 2 and near(mids[0], mids[1], band)):
        confirmed = sum(near(mid, reference, band) for mid in mids) >= 2
        kept = Memory(SHORT.plus(reference), now_ms) if confirmed else Memory(memory.confirmed, memory.confirmed_ms)
        taken, reason = first_or_nearest(offers, votes, reference, band, excluded, tilts)
        return _decided(taken, reason, offers, votes, reference, band, kept)
    memory = _unless_silent(memory, now_ms, silence_ms)
    nearest, single, reason = _continuous(offers, votes, served, memory, now_ms, leeway)
    if single is None:
        kept = _holding(memory, offers[nearest].mid, now_ms, leeway)
    elif reason == "persisted":  # the next price has to continue this one
        kept = Memory(SHORT.plus(offers[single].mid), now_ms)
    else:
        kept = Memory(memory.confirmed, memory.confirmed_ms)
    return _decided(single, reason, offers, votes, reference, band, kept)


def first_or_nearest(
    offers: Sequence[Offer],
    votes: Mapping[str, int],
    reference: Decimal,
    band: Decimal,
    excluded: Collection[str],
    tilts: Tilts,
) -> tuple[int, str]:
    """The first offer in order that lies within the band of the reference with all its prices, even if it did not vote.
    Else the nearest of the offers that voted, preferably one whose mid lies within the band though its book is wide."""

    def references(offer: Offer) -> list[Decimal]:
        return [reference, *(reference * tilt for tilt in tilts.get(offer.source, ()))]

    for index, offer in enumerate(offers):
        if offer.source not in excluded and all(within(offer, each, band) for each in references(offer)):
            return index, "first_in_band"
    voting = [index for index, offer in enumerate(offers) if offer.source in votes]
    near_by_vote = [i for i in voting if all(near(offers[i].mid, each, band) for each in references(offers[i]))]
    return min(
        near_by_vote or voting, key=lambda i: max(distance(offers[i], each) for each in references(offers[i]))
    ), "nearest"


def within(offer: Offer, reference: Decimal, band: Decimal) -> bool:
    """Whether bid, ask, spot and mid are all near the reference. A book may have the right mid and be wrong on both
    sides."""
    low, high = _extremes(offer)
    return near(low, reference, band) and near(high, reference, band)


def distance(offer: Offer, reference: Decimal) -> Decimal:
    """How far the offer's farthest price is from the reference: the `ratio` of the two. Up and down count the same."""
    low, high = _extremes(offer)
    return max(ratio(low, reference), ratio(high, reference))


def ratio(one: Decimal, other: Decimal) -> Decimal:
    """The larger number divided by the smaller, to twelve digits."""
    return SHORT.divide(max(one, other), min(one, other))


def _continuous(
    offers: Sequence[Offer],
    votes: Mapping[str, int],
    served: Served | None,
    memory: Memory,
    now_ms: int,
    leeway: Leeway,
) -> tuple[int, int | None, str]:
    """The vote nearest to the last price, the offer that is believed or `None`, and the reason. An offer is believed if
    it continues the last price, or if its price has been stated for a minute."""
    indices = list(votes.values())
    alone = len(indices) == 1
    anchor, anchor_ms = _anchor(served, memory, now_ms, alone=alone)
    past = anchor or memory.confirmed or (served.price if served else None)
    nearest = indices[0] if past is None else min(indices, key=lambda index: ratio(offers[index].mid, past))
    if anchor is None and alone:
        return nearest, nearest, "alone"
    if anchor is not None:
        allowed = leeway.after(now_ms - anchor_ms)
        if alone:  # any market of the single source may be right
            own = (i for i, offer in enumerate(offers) if offer.source in votes and near(offer.mid, anchor, allowed))
            if (index := next(own, None)) is not None:
                return nearest, index, "alone"
        if near(offers[nearest].mid, anchor, allowed):
            return nearest, nearest, "continuous"
    if _has_persisted(memory, offers[nearest], now_ms, leeway):
        return nearest, nearest, "persisted"
    return nearest, None, "jump" if alone else "disagreement"


def _has_persisted(memory: Memory, offer: Offer, now_ms: int, leeway: Leeway) -> bool:
    """Whether the offer's price has been held for a minute and was stated again since the hold began."""
    is_long = now_ms - memory.held_ms >= LONGEST_HOLD_MS and now_ms - offer.age_ms > memory.held_ms
    return is_long and _is_going_on(memory, offer.mid, now_ms, leeway)


def _holding(memory: Memory, price: Decimal, now_ms: int, leeway: Leeway) -> Memory:
    """The memory with a held price and the time since which it has been stated without a break."""
    since_ms = memory.held_ms if _is_going_on(memory, price, now_ms, leeway) else now_ms
    return Memory(memory.confirmed, memory.confirmed_ms, SHORT.plus(price), since_ms, now_ms)


def _is_going_on(memory: Memory, price: Decimal, now_ms: int, leeway: Leeway) -> bool:
    """Whether a price continues the held one."""
    return memory.held is not None and near(price, memory.held, leeway.after(now_ms - memory.said_ms))


def _unless_silent(memory: Memory, now_ms: int, silence_ms: int) -> Memory:
    """The memory, without the held price if no source has stated it recently. A time in the future comes from a wrong
    clock and also drops it."""
    if memory.held_ms <= memory.said_ms <= now_ms <= memory.said_ms + silence_ms:
        return memory
    return Memory(memory.confirmed, memory.confirmed_ms)


def _anchor(served: Served | None, memory: Memory, now_ms: int, *, alone: bool) -> tuple[Decimal | None, int]:
    """The price to continue, and its time: for two votes that disagree the price that two sources confirmed, for a
    single vote the served price."""
    is_confirmed = memory.confirmed is not None and now_ms - memory.confirmed_ms <= CONFIRMED_FOR_MS
    if is_confirmed and not (alone and served):
        return memory.confirmed, memory.confirmed_ms
    if served and now_ms - served.seen_ms <= CONFIRMED_FOR_MS:
        return served.price, served.seen_ms
    return None, 0


def _decided(
    taken: int | None,
    reason: str,
    offers: Sequence[Offer],
    votes: Mapping[str, int],
    reference: Decimal,
    band: Decimal,
    memory: Memory,
) -> Decision:
    mids = {source: offers[index].mid for source, index in votes.items()}
    dispersion = median(ratio(mid, reference) - 1 for mid in mids.values())
    agreeing: set[str] = set()
    if taken is not None:
        agreeing = {source for source, mid in mids.items() if near(mid, offers[taken].spot, band)}
        agreeing.add(offers[taken].source)
    return Decision(taken, reason, frozenset(votes.values()), reference, dispersion, len(agreeing), memory)


def _extremes(offer: Offer) -> tuple[Decimal, Decimal]:
    return min(offer.bid, offer.spot, offer.mid), max(offer.ask, offer.spot, offer.mid)
