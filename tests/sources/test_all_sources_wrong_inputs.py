"""Inputs that other feeds got wrong, each with its right value and with similar ones."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.clock import Clock
from tests.sources.answering import (
    Answering,
    answering,
    bank_answer,
    binance_row,
    coinbase_answer,
    coingecko_answer,
    er_api_answer,
    kraken_answer,
    kraken_row,
)

NOON_OF_NOVEMBER_28_2026 = 1_795_867_200_000


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answering]:
    with answering(Clock(NOON_OF_NOVEMBER_28_2026), monkeypatch) as made:
        yield made


def near(price: Decimal, right: str, within: str = "0.005") -> bool:
    return abs(price / Decimal(right) - 1) <= Decimal(within)


# Currency rates


def dollars(feed: Answering, *, bank: str = "1.3710", er_api: str = "1.3700", kraken: str | None) -> dict[str, Any]:
    """Return what all sources say about the dollar, and Litecoin at 100 dollars."""
    said = {
        "bank_of_canada": bank_answer(bank, "2026-11-27"),
        "er_api": er_api_answer(er_api, feed.clock),
        "binance": [binance_row("LTCUSDT", "100", clock=feed.clock)],
        "coinbase": coinbase_answer(LTC_USD="100"),
    }
    return said | ({"kraken": kraken_answer(ZUSDZCAD=kraken_row(kraken))} if kraken else {})


@pytest.mark.parametrize("inverted", ["0.7289", "0.7294"])
def test_an_inverted_dollar_rate_is_refused(feed: Answering, inverted: str) -> None:
    """Another source and the past contradict it."""
    feed.tick(dollars(feed, kraken="1.3720"), then_s=3600)
    assert near(feed.quote("LTC_CAD").spot, "137.2")
    feed.tick(dollars(feed, bank=inverted, kraken=None))
    assert near(feed.quote("LTC_CAD").spot, "137")
    assert not feed.quote("LTC_CAD").stale
    assert feed.quote("LTC_CAD").source.endswith("er_api:USDCAD")


def test_two_daily_rates_that_disagree_give_no_rate(feed: Answering) -> None:
    """No other source decides between them."""
    for _ in range(30):
        feed.tick(dollars(feed, bank="0.7289", kraken=None), then_s=60)
        assert "LTC_CAD" not in feed.snapshot.quotes
    feed.tick(dollars(feed, bank="0.7289", kraken="1.3720"))
    assert near(feed.quote("LTC_CAD").spot, "137.2")


@pytest.mark.parametrize("wrong", [{"bank": "0.7289"}, {"er_api": "0.7289"}, {"kraken": "0.7289"}, {"kraken": "1.51"}])
def test_one_wrong_rate_of_three_moves_nothing(feed: Answering, wrong: dict[str, str]) -> None:
    feed.tick(dollars(feed, **{"kraken": "1.3720"} | wrong))
    assert near(feed.quote("LTC_CAD").spot, "137.1", "0.01")


def tether(feed: Answering, bid: str, ask: str) -> dict[str, Any]:
    return {
        "kraken": kraken_answer(
            USDTCAD=kraken_row("1.3720", bid, ask, 50),
            USDTZUSD=kraken_row("1.0001", "1.0000", "1.0002"),
            ZUSDZCAD=kraken_row("1.3720", "1.3719", "1.3721"),
            XLTCZUSD=kraken_row("100.01"),
        ),
        "binance": [binance_row("LTCUSDT", "100", clock=feed.clock)],
    }


@pytest.mark.parametrize(("bid", "ask"), [("1.3715", "1.5000"), ("1.2000", "1.3725"), ("1.3500", "1.3950")])
def test_a_rate_with_one_wrong_side_comes_after_the_cross(feed: Answering, bid: str, ask: str) -> None:
    feed.tick(tether(feed, bid, ask))
    quote = feed.quote("LTC_CAD")
    assert near(quote.spot, "137.2", "0.001")
    assert near(quote.ask, "137.2", "0.001")
    assert quote.source == "binance:LTCUSDT x kraken:USDTUSD x kraken:USDCAD"


def test_two_sources_move_usdt_off_its_peg(feed: Answering) -> None:
    """All prices of one snapshot use the same Tether."""
    feed.tick(
        {
            "binance": [binance_row("BTCUSDT", "105263.16", clock=feed.clock)],
            "coinbase": coinbase_answer(BTC_USD="100000", USDT_USD="0.95"),
            "coingecko": coingecko_answer(feed.clock, tether=("1.3015", "0.95")),
            "bank_of_canada": bank_answer("1.37", "2026-11-27"),
        }
    )
    assert near(feed.quote("BTC_CAD").spot, "137000", "0.001")
    assert near(feed.quote("USDT_CAD").spot, "1.3015", "0.001")


def test_one_source_alone_moves_usdt_off_its_peg_after_a_minute(feed: Answering) -> None:
    def said() -> dict[str, Any]:
        return {
            "binance": [binance_row("BTCUSDT", "100000", clock=feed.clock)],
            "coinbase": coinbase_answer(USDT_USD="0.95"),
            "bank_of_canada": bank_answer("1.37", "2026-11-27"),
        }

    feed.tick(said())
    assert near(feed.quote("BTC_CAD").spot, "137000", "0.001")
    assert "parity:USDTUSD" in feed.quote("BTC_CAD").source
    for _ in range(13):
        feed.tick(said())
    assert near(feed.quote("BTC_CAD").spot, "130150", "0.001")


def test_the_banks_last_rate_stands_over_christmas(feed: Answering) -> None:
    feed.clock.ms = 1_798_545_600_000  # 2026-12-29 12:00 UTC; the bank publishes again at 21:30
    feed.tick(
        {
            "bank_of_canada": bank_answer("1.3700", "2026-12-24"),
            "binance": [binance_row("LTCUSDT", "100", clock=feed.clock)],
        }
    )
    assert near(feed.quote("LTC_CAD").spot, "137")


# Books and last trades


def doge(feed: Answering, last: str) -> dict[str, Any]:
    return {
        "kraken": kraken_answer(
            XDGCAD=kraken_row(last, "0.21990", "0.22050", 9),
            ZUSDZCAD=kraken_row("1.372", "1.3719", "1.3721"),
        ),
        "binance": [binance_row("DOGEUSDT", "0.16050", clock=feed.clock, opened="0.17")],
    }


@pytest.mark.parametrize(("last", "spot"), [("0.24000", "0.2205"), ("0.21000", "0.2199"), ("0.22000", "0.2200")])
def test_a_last_trade_outside_the_book_gives_the_nearer_side(feed: Answering, last: str, spot: str) -> None:
    feed.tick(doge(feed, last))
    quote = feed.quote("DOGE_CAD")
    assert (quote.spot, quote.source) == (Decimal(spot), "kraken:XDGCAD")
    assert near(1 + quote.change_pct / 100, "0.9441", "0.0001")
    taken = next(c for c in feed.snapshot.explained["DOGE_CAD"].candidates if c.verdict == "taken")
    assert taken.old_last is (Decimal(last) != Decimal(spot))


def test_a_day_old_last_trade_does_not_price_a_stablecoin(feed: Answering) -> None:
    feed.tick(
        {
            "kraken": kraken_answer(
                DAIUSD=kraken_row("0.9300", "0.9990", "1.0010", 1), ZUSDZCAD=kraken_row("1.372", "1.3719", "1.3721")
            )
        }
    )
    assert feed.quote("DAI_CAD").bid <= feed.quote("DAI_CAD").spot <= feed.quote("DAI_CAD").ask
    assert near(feed.quote("DAI_CAD").spot, "1.372", "0.0011")


@pytest.mark.parametrize(("bid", "ask"), [("0.0001", "1.0000"), ("0.0150", "0.0250"), ("0.0179", "0.0221")])
def test_an_impossible_book_is_not_a_price_and_the_next_serves(feed: Answering, bid: str, ask: str) -> None:
    rates = kraken_answer(USDTCAD=kraken_row("1.372"), ZUSDZCAD=kraken_row("1.372"))
    wide = binance_row("SKLUSDT", "0.0200", clock=feed.clock, bidPrice=bid, askPrice=ask, count=1)
    feed.tick({"binance": [wide], "coinbase": coinbase_answer(SKL_USD="0.02"), "kraken": rates})
    quote = feed.quote("SKL_CAD")
    assert quote.source == "coinbase:SKL-USD x kraken:USDCAD"
    assert quote.bid == quote.ask == quote.spot == Decimal("0.02744")


# Upgrades


def test_mkr_is_worth_its_sky_after_the_penalty(feed: Answering) -> None:
    """24,000 at first, 5 % less since September 2026, one point more each quarter."""
    feed.tick(
        {
            "binance": [binance_row("SKYUSDT", "0.07000", clock=feed.clock)],
            "kraken": kraken_answer(USDTCAD=kraken_row("1.372"), ZUSDZCAD=kraken_row("1.372")),
        }
    )
    assert feed.quote("MKR_CAD").spot == Decimal("2189.712")


def test_mkr_takes_its_own_price_before_that_of_sky(feed: Answering) -> None:
    feed.tick(
        {
            "binance": [binance_row("SKYUSDT", "0.07000", clock=feed.clock)],
            "kraken": kraken_answer(USDTCAD=kraken_row("1.372"), ZUSDZCAD=kraken_row("1.372")),
            "coingecko": coingecko_answer(feed.clock, maker=("2200", "1603.5")),
        }
    )
    assert (feed.quote("MKR_CAD").source, feed.quote("MKR_CAD").spot) == ("coingecko:maker", Decimal(2200))
