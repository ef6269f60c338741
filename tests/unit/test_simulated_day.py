"""A whole simulated day of ticks: its candles are those of the prices sent, and what it writes is within bounds."""

import math
import random
from collections import defaultdict
from decimal import Decimal

import pytest

from shared.assets import catalogue
from shared.candles import INTERVAL_MS, Candle
from shared.sources.all_sources import Polled
from shared.store.codec import pack, unpack
from shared.ticks import next_snapshot
from shared.values import Snapshot, SourceState, Ticker

DAY_MS = INTERVAL_MS["1d"]
START_MS = 20_000 * DAY_MS  # midnight, UTC
TICK_MS = 30_000
MOST_UNITS_A_TICK, MOST_UNITS_A_MINUTE = 20, 75
UNIT_BYTES = 1024


def market(rng: random.Random, prices: dict[str, Decimal], now_ms: int) -> Polled:
    """Every asset's first market after a random step of each price, and the rates."""
    tickers = [
        Ticker("kraken", name, Decimal(rate), Decimal(rate) + Decimal("0.0001"), Decimal(rate), None, now_ms, now_ms)
        for name, rate in (("USDCAD", "1.3700"), ("USDTCAD", "1.3695"))
    ]
    for symbol, asset in catalogue().items():
        first = asset.markets[0]
        step = Decimal(rng.randint(-20, 20)).scaleb(-4)
        prices[symbol] = (prices[symbol] * (1 + step)).quantize(Decimal("1e-8"))
        last = prices[symbol]
        tickers.append(Ticker(first.source, first.name, last, last, last, last, now_ms, now_ms))
    return Polled(tickers, dict.fromkeys(("binance", "kraken", "coinbase", "coingecko"), SourceState(now_ms)))


def test_a_days_candles_are_those_of_the_prices_sent_and_its_writes_are_within_bounds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rng = random.Random(42)
    prices = {symbol: Decimal(rng.randint(1, 10**9)).scaleb(-5) for symbol in catalogue()}
    sent: dict[tuple[str, str, int], list[Decimal]] = defaultdict(list)
    closed: dict[tuple[str, str, int], Candle] = {}
    snapshot, packed = Snapshot(), b""
    snapshot_units, candle_units, most_units = 0, 0, 0
    for now_ms in range(START_MS, START_MS + DAY_MS + TICK_MS, TICK_MS):
        if now_ms % INTERVAL_MS["1h"] == TICK_MS and packed:
            snapshot = unpack(packed)  # another invocation goes on
        snapshot = next_snapshot(snapshot, market(rng, prices, now_ms), now_ms, 30_000)
        packed = pack(snapshot)
        units = math.ceil((len(packed) + 64) / UNIT_BYTES)
        most_units = max(most_units, units)
        snapshot_units += units
        candle_units += len(snapshot.closed)
        closed |= {(symbol, interval, candle.open_ms): candle for symbol, interval, candle in snapshot.closed}
        for symbol, quote in snapshot.quotes.items():
            for interval, length_ms in INTERVAL_MS.items():
                sent[symbol, interval, now_ms // length_ms * length_ms].append(quote.spot)

    over = {key for key in sent if key[2] + INTERVAL_MS[key[1]] <= START_MS + DAY_MS}
    assert len(over) == 75 * (1440 + 24 + 1)
    assert closed == {key: Candle(key[2], sent[key][0], max(sent[key]), min(sent[key]), sent[key][-1]) for key in over}
    ticks = DAY_MS // TICK_MS + 1
    with capsys.disabled():
        print(f"\nwrite units: at most {most_units} a tick, {snapshot_units / ticks:.1f} on average; ", end="")
        print(f"{candle_units} a day for candles, {candle_units / 1440:.1f} a minute")
    assert most_units <= MOST_UNITS_A_TICK
    assert snapshot_units + candle_units <= MOST_UNITS_A_TICK * ticks + MOST_UNITS_A_MINUTE * 1440
