"""What the sources just said becomes the next snapshot, and what they did not say is remembered while it holds."""

from dataclasses import replace
from decimal import Decimal

from shared.pricing.fx import DAY_MS, HOUR_MS, cross
from shared.sources.all_sources import Polled
from shared.ticks import next_snapshot
from shared.values import Snapshot, SourceState, Ticker
from tests.unit.samples import NOW_MS, STALE_AFTER_MS, USD_CAD, rate, rate_ticker, ticker


def tick(old: Snapshot, now_ms: int, *tickers: Ticker) -> Snapshot:
    """The snapshot after a tick in which the sources said this."""
    return next_snapshot(old, Polled(list(tickers), {}), now_ms, STALE_AFTER_MS)


def test_a_rate_that_is_not_confirmed_serves_until_it_is_too_old() -> None:
    first = tick(Snapshot(), NOW_MS, ticker(), rate_ticker("kraken:USDCAD", "1.3347"))
    assert "BTC_CAD" in first.quotes
    later = tick(first, NOW_MS + 120_000, ticker(last="66000"))
    assert later.quotes["BTC_CAD"].spot == Decimal(66_000) * Decimal("1.3347")
    too_late = tick(later, NOW_MS + 120_001, ticker(last="67000"))
    assert too_late.quotes["BTC_CAD"].spot == later.quotes["BTC_CAD"].spot


def test_a_newer_rate_of_a_source_replaces_its_older_one_and_leaves_the_others() -> None:
    bank = rate("er_api:USDCAD", "1.35")
    old = Snapshot(rates={USD_CAD.source: USD_CAD, bank.source: bank})
    new = tick(old, NOW_MS, rate_ticker("kraken:USDCAD", "1.4"))
    assert new.rates.keys() == old.rates.keys()
    assert new.rates[bank.source] == bank
    assert new.rates[USD_CAD.source].mid == Decimal("1.4")


def test_the_change_is_against_the_rate_of_24_h_ago() -> None:
    dollar, tether = rate("kraken:USDCAD", "1.3"), rate("kraken:USDTCAD", "1.29")
    old = Snapshot(
        rates={dollar.source: dollar, tether.source: tether},
        usd_cad_history=((NOW_MS - DAY_MS, Decimal("1.2")),),
        usdt_cad_history=((NOW_MS - DAY_MS, Decimal("1.18")),),
    )
    new = tick(old, NOW_MS, ticker(last="100"), ticker("LTCUSD", "100", source="kraken"))
    assert new.quotes["BTC_CAD"].change == 11
    assert new.quotes["LTC_CAD"].change == 10


def test_both_rates_are_recorded_as_they_are_believed() -> None:
    told = [rate_ticker("kraken:USDCAD", "1.35"), rate_ticker("kraken:USDTUSD", "0.99")]
    first = tick(Snapshot(), NOW_MS, *told)
    assert first.usd_cad_history == ((NOW_MS, Decimal("1.35")),)
    ((_, tether),) = first.usdt_cad_history
    assert tether == cross(first.rates["kraken:USDTUSD"], first.rates["kraken:USDCAD"]).mid
    later = tick(first, NOW_MS + HOUR_MS, rate_ticker("kraken:USDCAD", "1350", ts_ms=NOW_MS + HOUR_MS))
    assert (later.usd_cad_history, later.usdt_cad_history) == (first.usd_cad_history, first.usdt_cad_history)


def test_a_rate_that_jumps_moves_no_quote() -> None:
    bank = rate_ticker("bank_of_canada:FXUSDCAD", "1.36")
    first = tick(Snapshot(), NOW_MS, ticker(), rate_ticker("kraken:USDCAD", "1.3347"), bank)
    wrong = rate_ticker("kraken:USDCAD", "1334.7", ts_ms=NOW_MS + 5_000)
    assert tick(first, NOW_MS + 5_000, ticker(), wrong).quotes["BTC_CAD"].spot == first.quotes["BTC_CAD"].spot
    by_bank = tick(first, NOW_MS + 120_001, ticker(), wrong).quotes["BTC_CAD"]
    assert by_bank.source == "binance:BTCUSDT x parity:USDTUSD x bank_of_canada:FXUSDCAD"


def test_a_price_that_is_held_back_leaves_the_one_before_until_that_is_stale_and_after_an_hour_serves() -> None:
    dollar = rate_ticker("bank_of_canada:FXUSDCAD", "1.36")
    first = tick(Snapshot(), NOW_MS, ticker(last="65"), dollar)
    good = first.quotes["BTC_CAD"]
    wrong = ticker(last="65000")
    held = tick(first, NOW_MS + STALE_AFTER_MS, wrong)
    assert held.quotes["BTC_CAD"] == good
    stale = tick(held, NOW_MS + STALE_AFTER_MS + 1, wrong)
    assert stale.quotes["BTC_CAD"] == replace(good, stale=True, seq=3)
    still = tick(stale, NOW_MS + HOUR_MS, wrong)
    assert still.quotes["BTC_CAD"].spot == good.spot
    served = tick(still, NOW_MS + HOUR_MS + 1, wrong).quotes["BTC_CAD"]
    assert (served.spot, served.stale) == (good.spot * 1000, False)


def test_a_price_that_is_held_back_with_nothing_before_is_unavailable() -> None:
    dollar = rate_ticker("kraken:USDCAD", "1.36")
    new = tick(Snapshot(), NOW_MS, dollar, ticker(last="65000"), ticker("XBTUSD", "65", source="kraken"))
    assert "BTC_CAD" not in new.quotes
    assert new.unavailable["BTC_CAD"] == 1


def test_the_states_of_the_sources_are_those_of_the_last_round() -> None:
    states = {"binance": SourceState(5, "HTTP 429", 2, NOW_MS + 1), "er_api": SourceState(9)}
    new = next_snapshot(Snapshot(sources={"er_api": SourceState(7, "HTTP 500")}), Polled([], states), NOW_MS, 30_000)
    assert new.sources == states
