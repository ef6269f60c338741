"""The last hours of a simulated day: its candles match the prices sent, and its writes are within bounds."""

import math
import os
import random
from collections import defaultdict
from decimal import Decimal

import pytest

from shared.model.assets import catalogue
from shared.model.candles import INTERVAL_MS, Candle
from shared.model.explanation import Explanations
from shared.model.staleness import ages
from shared.model.values import Polled, Snapshot, SourceState, Ticker
from shared.pricing.next_snapshot import next_snapshot
from shared.store.codec import pack, unpack
from shared.store.explanations_codec import pack_explanations

DAY_MS = INTERVAL_MS["1d"]
MIDNIGHT_MS = 20_000 * DAY_MS  # UTC
HOURS = int(os.environ.get("CADFEED_SIMULATED_HOURS", "6"))  # 24 are the whole day
START_MS = MIDNIGHT_MS - HOURS * INTERVAL_MS["1h"]
TICK_MS = 60_000
MOST_UNITS_A_TICK = 20
UNIT_BYTES = 1024
MEASURED_EVERY = 10  # every tenth tick, with all its markets; ticks are alike
ALL_MARKETS = 9
RATES = {"USDCAD": "1.3700", "USDTCAD": "1.3695", "USDTUSD": "0.9996"}
IN_CAD = {"CAD": Decimal(1), "USD": Decimal("1.37"), "USDT": Decimal("1.3695")}


def market(rng: random.Random, prices: dict[str, Decimal], now_ms: int, markets: int) -> Polled:
    """Return that many markets of every asset after a random step of each price, and the rates."""
    tickers = [
        Ticker("kraken", name, Decimal(rate), Decimal(rate) + Decimal("0.0001"), Decimal(rate), None, now_ms, now_ms)
        for name, rate in RATES.items()
    ]
    for symbol, asset in catalogue().items():
        step = Decimal(rng.randint(-20, 20)).scaleb(-4)
        prices[symbol] = (prices[symbol] * (1 + step)).quantize(Decimal("1e-8"))
        if asset.code == "USDT":
            prices[symbol] = IN_CAD["USDT"]
        for market in asset.markets[:markets]:
            if market.name not in RATES:
                in_currency = prices[symbol] * (1 + Decimal(rng.randint(-9, 9)).scaleb(-4)) / IN_CAD[market.quote]
                last = (in_currency / market.per_unit_at(now_ms)).quantize(Decimal("1e-9"))
                tickers.append(Ticker(market.source, market.name, last, last, last, last, now_ms, now_ms))
    return Polled(tickers, dict.fromkeys(("binance", "kraken", "coinbase", "coingecko"), SourceState(now_ms)))


def units_of(packed: bytes) -> int:
    """Return the write units of an item with that attribute."""
    return math.ceil((len(packed) + 64) / UNIT_BYTES)


def test_candles_match_the_prices_within_write_bounds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rng = random.Random(42)
    prices = {symbol: Decimal(rng.randint(1, 10**9)).scaleb(-5) for symbol in catalogue()}
    sent: dict[tuple[str, str, int], list[Decimal]] = defaultdict(list)
    closed: dict[tuple[str, str, int], Candle] = {}
    snapshot = Snapshot()
    snapshot_units, explained_units, candle_units, most_units = 0, 0, 0, 0
    for now_ms in range(START_MS, MIDNIGHT_MS + TICK_MS, TICK_MS):
        if now_ms % INTERVAL_MS["1h"] == TICK_MS and snapshot.seq:
            snapshot = unpack(pack(snapshot))  # another invocation continues
        is_measured = now_ms % (MEASURED_EVERY * TICK_MS) == 0
        polled = market(rng, prices, now_ms, ALL_MARKETS if is_measured else 1)
        snapshot = next_snapshot(snapshot, polled, now_ms, ages(30, 60))
        if is_measured:
            packed = pack(snapshot)
            explained = pack_explanations(Explanations(snapshot.seq, snapshot.ts_ms, snapshot.explained))
            units, more_units = units_of(packed), units_of(explained)
            most_units = max(most_units, units + more_units)
            snapshot_units += units * MEASURED_EVERY
            explained_units += more_units * MEASURED_EVERY
        candle_units += len(snapshot.closed)
        closed |= {(symbol, interval, candle.open_ms): candle for symbol, interval, candle in snapshot.closed}
        for symbol, quote in snapshot.quotes.items():
            for interval, length_ms in INTERVAL_MS.items():
                sent[symbol, interval, now_ms // length_ms * length_ms].append(quote.spot)

    over = {key for key in sent if key[2] + INTERVAL_MS[key[1]] <= MIDNIGHT_MS}
    assert len(over) == len(catalogue()) * (HOURS * 60 + HOURS + 1)
    assert closed == {
        key: Candle(key[2], sent[key][0], max(sent[key]), min(sent[key]), sent[key][-1], len(sent[key])) for key in over
    }
    ticks = (MIDNIGHT_MS - START_MS) // TICK_MS + 1
    with capsys.disabled():
        print(
            f"\nwrite units: at most {most_units} a tick, on average {snapshot_units / ticks:.1f} for the snapshot ",
            end="",
        )
        print(f"and {explained_units / ticks:.1f} for what explains it; ", end="")
        print(f"{candle_units / (HOURS * 60):.1f} a minute for candles")
    assert most_units <= MOST_UNITS_A_TICK
    assert candle_units == len(over)
