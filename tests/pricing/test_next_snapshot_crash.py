"""Honest markets that lag and crash cause no hold and no suspect source."""

import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from shared.model.staleness import ages
from shared.model.values import Polled, Snapshot, Ticker
from shared.pricing.next_snapshot import next_snapshot
from tests.recordings import recording
from tools.cost.frames import STARTED_MS, MarketFeed

CANDLES = "klines/binance_1m_2021-05-11T20_2021-05-13T08.csv"
CRASH_MS = range(1_620_835_200_000, 1_620_860_400_000, 60_000)  # 2021-05-12 16:00 to 23:00 UTC
STEP_S, LAG_S = 15, 10  # Coinbase is asked every 10 s, so it may be this far behind
USD_CAD = Decimal("1.21")


def test_ten_minutes_of_the_simulated_market_raise_no_alarm(capsys: pytest.CaptureFixture[str]) -> None:
    """No price is held and no source is suspect."""
    feed, snapshot = MarketFeed(), Snapshot()
    alone = 0
    for tick in range(60):
        now_ms = STARTED_MS + tick * 10_000
        snapshot = next_snapshot(snapshot, feed.poll(now_ms), now_ms, ages(5, 30))
        assert not snapshot.held
        assert not snapshot.suspects
        assert not snapshot.unavailable
        assert not any(quote.stale for quote in snapshot.quotes.values())
        alone = max(alone, sum(quote.sources == 1 for quote in snapshot.quotes.values()))
    with capsys.disabled():
        print(f"\nten minutes: nothing held, nobody suspect, at most {alone} assets with one source")


def minutes() -> Iterator[tuple[int, dict[str, tuple[Decimal, ...]]]]:
    """Yield the minutes of the crash: open, first extreme, second extreme and close by symbol.

    A falling candle has its high first, a rising one its low.
    """
    rows: dict[int, dict[str, tuple[Decimal, ...]]] = defaultdict(dict)
    with recording(CANDLES).open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if (at_ms := int(row["open_time_ms"])) in CRASH_MS:
                opened, high, low, close = (Decimal(row[name]) for name in ("open", "high", "low", "close"))
                middle = (high, low) if close < opened else (low, high)
                rows[at_ms][row["symbol"]] = (opened, *middle, close)
    yield from sorted(rows.items())


@pytest.mark.parametrize("alone", [True, False])
def test_the_crash_of_may_2021_is_followed_as_it_was(alone: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Binance is alone, or Kraken is beside it and Coinbase 10 s behind, on straight lines between prices."""
    snapshot, told, steepest = Snapshot(), 0, Decimal(0)
    last: dict[str, Decimal] = {}
    for began_ms, candles in minutes():
        for step in range(4):
            now_ms = began_ms + step * STEP_S * 1_000
            past, last = last, {symbol: prices[step] for symbol, prices in candles.items()}
            tickers = [_ticker("binance", symbol, price, now_ms) for symbol, price in last.items()]
            if not alone:
                late = {s: price - (price - past.get(s, price)) * LAG_S / STEP_S for s, price in last.items()}
                tickers += [_ticker("kraken", _at("kraken", symbol), price, now_ms) for symbol, price in last.items()]
                tickers += [_ticker("coinbase", _at("coinbase", s), price, now_ms) for s, price in late.items()]
            rates = [replace(_ticker("kraken", name, USD_CAD, now_ms)) for name in ("USDCAD", "USDTCAD")]
            before = snapshot
            snapshot = next_snapshot(snapshot, Polled([*rates, *tickers], {}), now_ms, ages(15, 60))
            assert not snapshot.held, now_ms
            assert not snapshot.suspects, now_ms
            told += len(snapshot.quotes)
            for symbol, quote in snapshot.quotes.items():
                if known := before.quotes.get(symbol):
                    steepest = max(steepest, abs(quote.spot / known.spot - 1))
    assert steepest > Decimal("0.05")
    with capsys.disabled():
        print(f"\nthe crash of 2021-05-12: {told} prices told, {steepest:.1%} in 15 s at the steepest, none held")


def _at(source: str, symbol: str) -> str:
    code = symbol.removesuffix("USDT")
    if source == "kraken":
        return {"BTC": "XBT", "DOGE": "XDG"}.get(code, code) + "USD"
    return f"{code}-USD"


def _ticker(source: str, market: str, price: Decimal, now_ms: int) -> Ticker:
    return Ticker(source, market, price, price, price, price, now_ms, now_ms, has_book=source != "coinbase")
