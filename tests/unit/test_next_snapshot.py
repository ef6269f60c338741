"""What the sources just said becomes the next snapshot, and what they did not say is remembered while it holds."""

from dataclasses import replace
from decimal import Decimal

from shared.quotes import DAY_MS
from shared.sources.all_sources import Polled
from shared.ticks import next_snapshot
from shared.values import Rate, Snapshot, SourceState
from tests.unit.samples import NOW_MS, USD_CAD, ticker


def test_a_rate_that_is_not_confirmed_serves_until_it_is_too_old() -> None:
    first = next_snapshot(
        Snapshot(), Polled([ticker(), ticker("USDCAD", "1.3347", source="kraken")], {}), NOW_MS, 30_000
    )
    assert "BTC_CAD" in first.quotes
    later = next_snapshot(first, Polled([ticker(last="66000")], {}), NOW_MS + 120_000, 30_000)
    assert later.quotes["BTC_CAD"].spot == Decimal(66_000) * Decimal("1.3347")
    too_late = next_snapshot(later, Polled([ticker(last="67000")], {}), NOW_MS + 120_001, 30_000)
    assert too_late.quotes["BTC_CAD"].spot == later.quotes["BTC_CAD"].spot


def test_a_newer_rate_of_a_source_replaces_its_older_one_and_leaves_the_others() -> None:
    old = Snapshot(rates={"kraken": USD_CAD, "er_api": replace(USD_CAD, source="er_api:USDCAD")})
    new = next_snapshot(old, Polled([ticker("USDCAD", "1.4", source="kraken")], {}), NOW_MS, 30_000)
    assert new.rates["er_api"] == old.rates["er_api"]
    assert new.rates["kraken"].ask == ticker("USDCAD", "1.4").ask


def test_the_change_is_against_the_rate_of_24_h_ago() -> None:
    rate = Rate("kraken:USDCAD", Decimal("1.3"), Decimal("1.3"), NOW_MS)
    old = Snapshot(rates={"kraken": rate}, usd_cad_history=((NOW_MS - DAY_MS, Decimal("1.2")),))
    new = next_snapshot(old, Polled([ticker(last="100")], {}), NOW_MS, 30_000)
    assert new.quotes["BTC_CAD"].change == Decimal(10)


def test_a_source_that_was_not_asked_keeps_its_state_and_one_that_failed_its_last_success() -> None:
    old = Snapshot(sources={"binance": SourceState(5), "kraken": SourceState(6), "er_api": SourceState(7, "HTTP 500")})
    states = {"binance": SourceState(error="HTTP 429"), "er_api": SourceState(9), "bank_of_canada": SourceState(8)}
    new = next_snapshot(old, Polled([], states), NOW_MS, 30_000)
    assert new.sources == {
        "binance": SourceState(5, "HTTP 429"),
        "kraken": SourceState(6),
        "er_api": SourceState(9),
        "bank_of_canada": SourceState(8),
    }
