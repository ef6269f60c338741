"""What the histories of the simulated exchanges share: times of candles, reading them in parts, and faults."""

import asyncio
from decimal import Decimal

from tools.simulator.faults import Fault
from tools.simulator.market import CandleHistory, Moment, PastCandle

# The candles that are computed at once, in a few milliseconds, so that other answers do not wait for them.
A_PART = 20


class NoCandles:
    """The past of a market that is listed, but whose candles are not known here."""

    def opens(self, interval_ms: int, moment: Moment) -> range:  # noqa: ARG002
        return range(0)

    def candles(self, interval_ms: int, opens: range, moment: Moment) -> list[PastCandle]:  # noqa: ARG002
        return []


async def read(history: CandleHistory, interval_ms: int, opens: range, moment: Moment) -> list[PastCandle]:
    """Return the candles that opened at these times; other requests are served meanwhile."""
    found: list[PastCandle] = []
    for at in range(0, len(opens), A_PART):
        found += history.candles(interval_ms, opens[at : at + A_PART], moment)
        await asyncio.sleep(0)
    return found


def since(opens: range, from_ms: int) -> range:
    """Return those of the times that are not before `from_ms`."""
    return opens[max(0, -((opens.start - from_ms) // opens.step)) :]


def until(opens: range, until_ms: int) -> range:
    """Return those of the times that are not after `until_ms`."""
    return opens[: max(0, (until_ms - opens.start) // opens.step + 1)]


def stated(candle: PastCandle, fault: Fault, *names: str) -> tuple[str, str, str, str]:
    """Return open, high, low and close as a source with that fault states them for a market with any of these names.

    A lie about `last`, or about all prices, and an absurd rule apply to each of the four. High and low change places if
    a lie turns the price over.
    """
    prices = candle.open, candle.high, candle.low, candle.close
    if fault.lie is None and fault.rule(*names) is None:
        return prices
    opened, high, low, close = (fault.stated(*names, last=price)["last"] for price in prices)
    if fault.rule(*names) is None and Decimal(high) < Decimal(low):
        high, low = low, high
    return opened, high, low, close
