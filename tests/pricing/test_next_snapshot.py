"""New tickers become the next snapshot, and missing ones are remembered while they hold."""

from dataclasses import replace
from decimal import Decimal

from shared.model.values import Polled, Snapshot, SourceState, Ticker
from shared.pricing.fx import DAY_MS
from shared.pricing.next_snapshot import next_snapshot
from tests.samples import LIMITS, NOW_MS, STALE_AFTER_MS, USD_CAD, rate, rate_ticker, ticker


def tick(old: Snapshot, now_ms: int, *tickers: Ticker) -> Snapshot:
    """Return the snapshot after a tick in which the sources said this."""
    said = [replace(each, ts_ms=now_ms, answered_ms=now_ms) for each in tickers]
    return next_snapshot(old, Polled(said, {}), now_ms, LIMITS)


def test_a_rate_that_is_not_confirmed_serves_until_it_is_too_old() -> None:
    first = tick(Snapshot(), NOW_MS, ticker(), rate_ticker("kraken:USDCAD", "1.3347"))
    assert "BTC_CAD" in first.quotes
    later = tick(first, NOW_MS + 120_000, ticker(last="66000"))
    assert later.quotes["BTC_CAD"].spot == Decimal(66_000) * Decimal("1.3347")
    too_late = tick(later, NOW_MS + 120_001, ticker(last="67000"))
    assert too_late.quotes["BTC_CAD"].spot == later.quotes["BTC_CAD"].spot


def test_a_sources_newer_rate_replaces_only_its_older_one() -> None:
    other = rate("er_api:USDCAD", "1.35")
    old = Snapshot(stated_fx_rates={USD_CAD.source: USD_CAD, other.source: other})
    new = tick(old, NOW_MS, rate_ticker("kraken:USDCAD", "1.36"))
    assert new.stated_fx_rates.keys() == old.stated_fx_rates.keys()
    assert new.stated_fx_rates[other.source] == other
    assert new.stated_fx_rates[USD_CAD.source].mid == Decimal("1.36")


def test_the_change_is_against_the_rate_of_24_h_ago() -> None:
    dollar, tether = rate("kraken:USDCAD", "1.3"), rate("kraken:USDTCAD", "1.3")
    old = Snapshot(
        stated_fx_rates={dollar.source: dollar, tether.source: tether},
        usd_cad_history=((NOW_MS - DAY_MS, Decimal("1.2")),),
        usdt_cad_history=((NOW_MS - DAY_MS, Decimal("1.18")),),
    )
    new = tick(old, NOW_MS, ticker(last="100"), ticker("LTCUSD", "100", source="kraken"))
    assert new.quotes["BTC_CAD"].change == 12
    assert new.quotes["LTC_CAD"].change == 10


def test_both_rates_are_recorded_as_they_were_decided() -> None:
    told = [rate_ticker("kraken:USDCAD", "1.35"), rate_ticker("kraken:USDTUSD", "0.999")]
    first = tick(Snapshot(), NOW_MS, *told)
    assert first.usd_cad_history == ((NOW_MS, Decimal("1.35")),)
    assert first.usdt_cad_history == ((NOW_MS, first.fx_rates["USDT"].mid),)
    assert first.fx_rates["USDT"].source == "kraken:USDTUSD x kraken:USDCAD"


def test_a_snapshot_knows_which_tick_came_when() -> None:
    first = tick(Snapshot(), NOW_MS, ticker())
    second = tick(first, NOW_MS + 5_000, ticker())
    assert second.recent == ((NOW_MS, first.seq), (NOW_MS + 5_000, second.seq))


def test_a_rate_that_jumps_moves_no_quote() -> None:
    bank = rate_ticker("bank_of_canada:FXUSDCAD", "1.3350")
    first = tick(Snapshot(), NOW_MS, ticker(), rate_ticker("kraken:USDCAD", "1.3347"), bank)
    wrong = rate_ticker("kraken:USDCAD", "1334.7")
    spots = [
        tick(first, NOW_MS + second * 1_000, ticker(), wrong, bank).quotes["BTC_CAD"].spot for second in (5, 60, 120)
    ]
    right = first.quotes["BTC_CAD"].spot
    assert all(abs(spot / right - 1) < Decimal("0.001") for spot in spots)


def test_a_held_price_leaves_the_last_one_for_a_minute_at_most() -> None:
    """The last price stays until it is stale."""
    dollar = rate_ticker("bank_of_canada:FXUSDCAD", "1.36")
    snapshot = first = tick(Snapshot(), NOW_MS, ticker(last="65"), dollar)
    good = first.quotes["BTC_CAD"]
    told = []
    for second in range(5, 80, 5):
        snapshot = tick(snapshot, NOW_MS + second * 1_000, ticker(last="65000"), dollar)
        quote = snapshot.quotes["BTC_CAD"]
        told.append((second, quote.spot == good.spot, quote.stale, "BTC_CAD" in snapshot.held))
        assert quote.spot in {good.spot, good.spot * 1_000}
    stale_after_s = STALE_AFTER_MS // 1_000
    assert told == [(s, s < 65, stale_after_s < s < 65, s < 65) for s in range(5, 80, 5)]


def test_a_lie_of_two_seconds_is_in_no_candle() -> None:
    dollar = rate_ticker("kraken:USDCAD", "1.36")
    honest = [ticker(last="65"), ticker("XBTUSD", "65", source="kraken"), ticker("BTC-USD", "65", source="coinbase")]
    snapshot = tick(Snapshot(), NOW_MS, dollar, *honest)
    for second, factor in ((1, 2), (2, 2), (3, 1)):
        lied = [
            replace(honest[0], bid=honest[0].bid * factor, ask=honest[0].ask * factor, last=honest[0].last * factor)
        ]
        snapshot = tick(snapshot, NOW_MS + second * 1_000, dollar, *lied, *honest[1:])
    prices = {p for c in snapshot.candles["BTC_CAD"].values() for p in (c.open, c.high, c.low, c.close)}
    assert prices == {Decimal(65) * Decimal("1.36")}


def test_a_held_price_with_nothing_before_is_unavailable() -> None:
    dollar = rate_ticker("kraken:USDCAD", "1.36")
    new = tick(Snapshot(), NOW_MS, dollar, ticker(last="65000"), ticker("XBTUSD", "65", source="kraken"))
    assert "BTC_CAD" not in new.quotes
    assert new.unavailable["BTC_CAD"] == 1


def test_the_states_of_the_sources_are_those_of_the_last_round() -> None:
    states = {"binance": SourceState(5, "HTTP 429", 2, NOW_MS + 1), "er_api": SourceState(9)}
    new = next_snapshot(Snapshot(sources={"er_api": SourceState(7, "HTTP 500")}), Polled([], states), NOW_MS, LIMITS)
    assert new.sources == states


def test_a_source_that_is_wrong_everywhere_becomes_suspect() -> None:
    """And every decision is explained."""
    coins = {"BTC": "65000", "ETH": "3300", "LTC": "80"}
    said = [ticker(f"{'XBT' if coin == 'BTC' else coin}USD", price, source="kraken") for coin, price in coins.items()]
    said += [ticker(f"{coin}-USD", price, source="coinbase") for coin, price in coins.items()]
    wrong = [ticker(f"{coin}USDT", Decimal(price) * 2) for coin, price in coins.items()]
    new = tick(Snapshot(), NOW_MS, rate_ticker("kraken:USDCAD", "1.36"), *said, *wrong)
    assert set(new.suspects) == {"binance"}
    assert new.suspects["binance"].since_ms == NOW_MS
    for coin in coins:
        verdicts = {(one.source, one.verdict) for one in new.explained[f"{coin}_CAD"].candidates if one.price}
        assert verdicts == {("kraken", "taken"), ("coinbase", "passed_over"), ("binance", "passed_over")}


def test_the_candles_that_a_tick_ends_are_handed_over() -> None:
    minute = NOW_MS // 60_000 * 60_000
    dollar = rate_ticker("kraken:USDCAD", "1.36")
    first = tick(Snapshot(), minute + 59_000, dollar, ticker(last="65000"))
    assert first.closed == ()
    second = tick(first, minute + 60_000, dollar, ticker(last="65100"))
    assert [(symbol, interval, candle.open_ms) for symbol, interval, candle in second.closed] == [
        ("BTC_CAD", "1m", minute)
    ]


def test_a_source_whose_rate_raises_its_own_price_does_not_serve() -> None:
    """Kraken's bitcoin is 1.2 % above the others at its own rate of the dollar, and 2.2 % at CoinGecko's."""
    dollars = [rate_ticker("kraken:USDCAD", "1.383"), rate_ticker("coingecko:solana", "137", has_book=False)]
    dollars.append(rate_ticker("coingecko:solana/usd", "100", has_book=False))
    said = [ticker("XBTUSD", "101.2", source="kraken"), ticker("BTC-USD", "100", source="coinbase")]
    new = tick(Snapshot(), NOW_MS, *dollars, *said, rate_ticker("coingecko:bitcoin", "138.3", has_book=False))
    assert new.fx_rates["USD"].source == "kraken:USDCAD"
    assert new.quotes["BTC_CAD"].source.startswith("coinbase:")
