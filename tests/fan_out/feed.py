"""A market for the fan-out: every tick moves something, and one symbol at a time has no price."""

import time
from dataclasses import replace

from shared.model.delta import Delta
from shared.model.values import Snapshot
from tests.samples import SYMBOLS, after, quote, quotes

MOVES_ALWAYS = "BTC_CAD"
OTHERS = [symbol for symbol in SYMBOLS if symbol != MOVES_ALWAYS]


class Feed:
    """A feed's successive ticks. `snapshot` is the last one's."""

    def __init__(self) -> None:
        self._prices = quotes()
        self.snapshot = after(Snapshot(), self._prices, time.time_ns() // 1_000_000)

    def tick(self) -> Delta:
        old = self.snapshot
        for symbol in (MOVES_ALWAYS, OTHERS[2 * old.seq % 40], OTHERS[(2 * old.seq + 1) % 40]):
            self._prices[symbol] = quote(symbol, str(80_000 + old.seq))
        without_price = OTHERS[-1 - old.seq % 5]
        prices = {symbol: price for symbol, price in self._prices.items() if symbol != without_price}
        before = replace(old, quotes={symbol: q for symbol, q in old.quotes.items() if symbol != without_price})
        self.snapshot = after(before, prices, old.ts_ms + 1_000)
        return Delta(old, self.snapshot)
