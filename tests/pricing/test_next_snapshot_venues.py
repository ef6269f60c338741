"""Recorded venues, quiet and in crisis: no honest price is held, and the venues' common price serves.

A recorded venue stands in for one of our sources. A minute without a bar is one without a trade, in which the venue
repeats its last price.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import pytest

from shared.model.staleness import ages
from shared.model.values import Polled, Snapshot, Ticker
from shared.pricing.consensus import median
from shared.pricing.next_snapshot import next_snapshot
from tests.recordings import recording

LIMITS = ages(60, 180)  # a bar is a tick
USD_CAD = Decimal("1.36")
TICKERS = {
    ("kraken", "BTC-USD"): "kraken:XBTUSD",
    ("coinbase", "BTC-USD"): "coinbase:BTC-USD",
    ("binance_us", "BTC-USDT"): "binance:BTCUSDT",
    ("kraken", "USDT-USD"): "kraken:USDTUSD",
    ("coinbase", "USDT-USD"): "coinbase:USDT-USD",
    ("kraken", "USDC-USD"): "kraken:USDCUSD",
    ("binance_us", "USDC-USDT"): "binance:USDCUSDT",
    ("binance", "POL-USDT"): "binance:POLUSDT",
    ("coinbase", "POL-USD"): "coinbase:POL-USD",
    ("gemini", "POL-USD"): "kraken:POLUSD",
    ("binance", "SKY-USDT"): "binance:SKYUSDT",
    ("coinbase", "SKY-USD"): "coinbase:SKY-USD",
    ("gemini", "SKY-USD"): "kraken:SKYUSD",
    ("coinbase", "LINK-USD"): "coinbase:LINK-USD",
    ("gemini", "LINK-USD"): "kraken:LINKUSD",
}
BTC = ("kraken:XBTUSD", "coinbase:BTC-USD", "binance:BTCUSDT")


@dataclass(frozen=True, slots=True)
class Minute:
    """Each market's last price by its name here, and the markets that traded in this minute."""

    ts_ms: int
    said: Mapping[str, Decimal]
    traded: frozenset[str]


def minutes(name: str) -> Iterator[Minute]:
    """Yield the minutes of a recording, in order."""
    bars: dict[int, dict[str, Decimal]] = defaultdict(dict)
    with recording(f"venues/{name}").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            market = TICKERS.get((row["exchange"], row["symbol"]))
            if market:
                began = datetime.fromisoformat(row["ts_utc"])
                bars[int(began.timestamp()) * 1000 + 59_000][market] = Decimal(row["close"])
    said: dict[str, Decimal] = {}
    for ts_ms in sorted(bars):
        said |= bars[ts_ms]
        yield Minute(ts_ms, dict(said), frozenset(bars[ts_ms]))


def ticker(name: str, price: Decimal, now_ms: int) -> Ticker:
    source, _, market = name.partition(":")
    step = price * Decimal("0.0001")
    book = source != "coinbase"
    bid, ask = (price - step, price + step) if book else (price, price)
    return Ticker(source, market, bid, ask, price, price, now_ms, now_ms, has_book=book)


def tick(old: Snapshot, said: Mapping[str, Decimal], now_ms: int) -> Snapshot:
    rates = [Ticker("kraken", "USDCAD", USD_CAD, USD_CAD, USD_CAD, None, now_ms, now_ms)]
    return next_snapshot(old, Polled([*rates, *(ticker(*item, now_ms) for item in said.items())], {}), now_ms, LIMITS)


@pytest.mark.parametrize("name", ["2023-03-04_quiet_1m.csv", "2023-03-11_usdc_depeg_b_1m.csv"])
def test_bitcoin_follows_the_venues_while_a_stablecoin_breaks(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It stays within half a percent of them and nothing is held."""
    snapshot, farthest, dissent, count = Snapshot(), Decimal(0), 0, 0
    for minute in minutes(name):
        snapshot = tick(snapshot, minute.said, minute.ts_ms)
        tether = minute.said.get("kraken:USDTUSD", Decimal(1))
        honest = median(
            minute.said[market] * (tether if market.startswith("binance") else 1)
            for market in BTC
            if market in minute.said
        )
        quote = snapshot.quotes["BTC_CAD"]
        farthest = max(farthest, abs(quote.spot / USD_CAD / honest - 1))
        dissent += quote.sources < len(set(BTC) & minute.said.keys())
        count += 1
        assert not set(snapshot.held) - {"USDC_CAD"}, minute
        assert not snapshot.suspects, minute
    assert farthest < Decimal("0.005")
    with capsys.disabled():
        print(f"\n{name}: {count} minutes, BTC at most {farthest:.2%} from the median, {dissent} minutes with dissent")


def test_without_agreement_the_most_central_venue_serves(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The quote says how few sources agree. 2025-10-10: Binance alone was tens of percent off for 40 minutes."""
    assets = {
        "MATIC_CAD": ("binance:POLUSDT", "coinbase:POL-USD", "kraken:POLUSD"),
        "MKR_CAD": ("binance:SKYUSDT", "coinbase:SKY-USD", "kraken:SKYUSD"),
    }
    farthest, fewest = dict.fromkeys(assets, Decimal(0)), dict.fromkeys(assets, 9)
    by_order = dict.fromkeys(assets, Decimal(0))
    live = dict.fromkeys(assets, 0)
    snapshot = Snapshot()
    for minute in minutes("2025-10-10_crash_1m_POL_SKY_LINK_TRX.csv"):
        traded = {name: price for name, price in minute.said.items() if name in minute.traded}
        snapshot = tick(snapshot, traded, minute.ts_ms)
        for symbol, markets in assets.items():
            if not set(markets) <= minute.traded:
                continue
            quote = snapshot.quotes[symbol]
            explained = snapshot.explained[symbol]
            assert explained.reference is not None
            live[symbol] += 1
            farthest[symbol] = max(farthest[symbol], abs(quote.spot / explained.reference - 1))
            fewest[symbol] = min(fewest[symbol], quote.sources)
            honest = median(minute.said[market] for market in markets)
            by_order[symbol] = max(by_order[symbol], abs(minute.said[markets[0]] / honest - 1))
            assert not quote.stale
    for symbol in assets:
        assert farthest[symbol] <= Decimal("0.02")
        assert fewest[symbol] <= 2
    with capsys.disabled():
        for symbol, distance in farthest.items():
            print(
                f"\n{symbol}: {live[symbol]} minutes with three venues, at most {distance:.2%} from their median "
                f"(the first in order alone: {by_order[symbol]:.0%}), {fewest[symbol]} sources at the fewest",
                end="",
            )
        print()
