"""Kraken spot's `OHLC`: the newest 720 candles of one minute, one hour or one day.

https://docs.kraken.com/api/docs/rest-api/get-ohlc-data
"""

from collections import defaultdict

from multidict import MultiMapping

from tools.simulator.faults import Fault
from tools.simulator.kraken import LOT_PLACES, errors, result
from tools.simulator.kraken_pairs import Pair, pair
from tools.simulator.market import DAY_MS, HOUR_MS, MINUTE_MS, Market, Moment, PastCandle
from tools.simulator.past_candles import read, since, stated
from tools.simulator.request_limit import RequestLimit
from tools.simulator.response import Response

PATH = "/0/public/OHLC"
# In minutes. The real one has six more.
INTERVALS = {"1": MINUTE_MS, "60": HOUR_MS, "1440": DAY_MS}
MOST = 720
# One call a second for each pair, less what a client's clock and the way may be off.
GAP_MS = 900


class PairLimits:
    """One request per pair in any `gap_ms`. https://support.kraken.com/hc/en-us/articles/206548367"""

    def __init__(self, gap_ms: int = GAP_MS) -> None:
        self._limits: defaultdict[str, RequestLimit] = defaultdict(lambda: RequestLimit(1, gap_ms))

    def refusal(self, of: Pair, now_ms: int) -> Response | None:
        """Count a request; return the refusal if it may not pass. Like all errors it comes with status 200."""
        if not self._limits[of.key].wait_ms(now_ms):
            return None
        return Response(200, errors("EGeneral:Too many requests"), over_limit=True)


async def answer(
    query: MultiMapping[str], market: Market, moment: Moment, fault: Fault, limits: PairLimits, now_ms: int
) -> Response:
    """Return the candles after `since` (Unix seconds) of the newest 720, oldest first.

    The last one, the interval in progress, is always there; `last` is the time of the one before it.
    """
    of = _known(query.get("pair", ""), market)
    history = market.candle_history("kraken", of.altname) if of else None
    if of is None or history is None:
        return Response(200, errors("EQuery:Unknown asset pair"))
    if refused := limits.refusal(of, now_ms):
        return refused
    interval, after = query.get("interval", "1"), query.get("since", "0")
    if interval not in INTERVALS or not after.isascii() or not after.isdigit():
        return Response(200, errors("EGeneral:Invalid arguments"))
    if fault.leaves_out(*of.names):
        return result({"last": 0})
    interval_ms = INTERVALS[interval]
    newest = history.opens(interval_ms, moment)[-MOST:]
    opens = since(newest[:-1], int(after) * 1_000 + 1)
    candles = await read(history, interval_ms, newest[len(newest) - len(opens) - 1 :] if newest else newest, moment)
    last_ms = newest[-2] if len(newest) > 1 else 0
    return result({of.key: [_row(candle, of, fault) for candle in candles], "last": last_ms // 1_000})


def _known(name: str, market: Market) -> Pair | None:
    pairs = map(pair, market.pair_names("kraken"))
    return next((of for of in pairs if name in of.names), None)


def _row(candle: PastCandle, of: Pair, fault: Fault) -> list[object]:
    opened, high, low, close = stated(candle, fault, *of.names)
    places = len(candle.close.partition(".")[2])
    average, volume = f"{candle.typical:.{places}f}", f"{candle.volume:.{LOT_PLACES}f}"
    return [candle.open_ms // 1_000, opened, high, low, close, average, volume, candle.trades]
