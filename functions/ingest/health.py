"""How a tick left the quotes and their sources, as single numbers that alarms watch. Pure."""

from collections.abc import Mapping

from shared.model.assets import catalogue, price_sources
from shared.model.staleness import DROP_AFTER_MS
from shared.model.values import Snapshot, SourceState


def quotes_age_ms(snapshot: Snapshot, now_ms: int) -> int:
    """The time in milliseconds since a source last confirmed the price, which three quarters of all symbols keep to.

    A symbol without a price counts as a day old. So a few assets that nobody trades any more do not show.
    """
    known = [max(0, now_ms - quote.seen_ms) for quote in snapshot.quotes.values()]
    ages = sorted([*known, *[DROP_AFTER_MS] * (len(catalogue()) - len(known))])
    three_quarters = -(-len(ages) * 3 // 4)
    return min(ages[three_quarters - 1], DROP_AFTER_MS)


def sources_silent_ms(states: Mapping[str, SourceState], now_ms: int) -> int:
    """The time in milliseconds since any source of prices last answered, at most a day."""
    last_ms = max((state.ok_ms for name, state in states.items() if name in price_sources()), default=0)
    return min(max(0, now_ms - last_ms), DROP_AFTER_MS)
