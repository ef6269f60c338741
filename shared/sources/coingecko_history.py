"""CoinGecko: candles of a coin directly in CAD, made from points of its average price. Data provided by CoinGecko.

https://docs.coingecko.com/reference/coins-id-market-chart
CoinGecko states prices at single times: hourly for up to 90 days before now, daily at 00:00 UTC for more. Without a key
it has 365 days. A candle lies between two such points: its open is the price at its beginning, its close the price at
its end, its high and low are the larger and the smaller of the two. So a candle does not show what the price did in
between. An hourly point is some minutes off the full hour: the nearest one within half an hour counts as the price of
that hour. A daily point counts only at 00:00 UTC. There is no candle where a point is missing.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from shared.model.candles import DAY_MS, INTERVAL_MS, Candle
from shared.sources import coingecko
from shared.sources.candle_rows import wanted_of
from shared.sources.clock import wall_ms
from shared.sources.history import History, Wanted
from shared.sources.market_row import number, whole
from shared.sources.upstream import Answer, SourceUnavailable

DAYS = {"1h": (2, 90), "1d": (91, 365)}  # the fewest and most days before now that give points of an interval
REACH = {"1h": 90 * 24, "1d": 365}
OFF_BY_MS = {"1h": 1_800_000, "1d": 0}  # how far a point may lie from the beginning of an interval
EVERY_MS = 7_000  # about ten calls a minute without a key, and the ticker needs one
MAX_BODY_BYTES = 600_000  # three lists of 2,160 points take 260 KB
COLUMNS = ("time", "price")
UNKNOWN = 404


def history(clock_ms: Callable[[], int] = wall_ms) -> History:
    """CoinGecko's chart of a coin, which ends now: `clock_ms` says when that is, in Unix ms."""

    def params(wanted: Wanted) -> Mapping[str, str]:
        return {"vs_currency": "cad", "days": str(_days(wanted, clock_ms())), "precision": "full"}

    return History(
        coingecko.NAME,
        coingecko.BASE_URL,
        lambda wanted: f"/api/v3/coins/{wanted.market}/market_chart",
        params,
        parse,
        lambda status, _payload: status == UNKNOWN,
        most=REACH,
        reach=REACH,
        every_ms=EVERY_MS,
        max_body_bytes=MAX_BODY_BYTES,
        key_header=lambda base_url: coingecko.plan_at(base_url).header,
    )


def parse(answer: Answer, wanted: Wanted) -> list[Candle]:
    """The wanted candles, oldest first.

    Raises:
        SourceUnavailable: the answer has no list of prices.
    """
    rows = answer.payload.get("prices") if isinstance(answer.payload, dict) else None
    if not isinstance(rows, list):
        raise SourceUnavailable("no prices in the answer")
    prices = _by_interval(_points(rows), wanted.interval)
    step_ms = INTERVAL_MS[wanted.interval]
    return wanted_of(
        (
            Candle(begin_ms, first, max(first, last), min(first, last), last)
            for begin_ms, first in prices.items()
            if (last := prices.get(begin_ms + step_ms))
        ),
        wanted,
    )


def _days(wanted: Wanted, now_ms: int) -> int:
    fewest, most = DAYS[wanted.interval]
    back_ms = now_ms - wanted.from_ms + OFF_BY_MS[wanted.interval]
    return min(max(fewest, back_ms // DAY_MS + 1), most)


def _points(rows: Iterable[object]) -> list[tuple[int, Decimal]]:
    """The prices above zero and their times, oldest first. Rows that cannot be read are left out."""
    points = []
    for row in rows:
        named = dict(zip(COLUMNS, row, strict=False)) if isinstance(row, list) else {}
        try:
            at_ms, price = whole(named, "time"), number(named, "price")
        except ValueError:
            continue
        if price > 0:
            points.append((at_ms, price))
    return sorted(points, key=lambda point: point[0])


def _by_interval(points: Iterable[tuple[int, Decimal]], interval: str) -> dict[int, Decimal]:
    """The price at the beginning of each interval, by its time; of two points at the same distance, the earlier."""
    step_ms, off_by_ms = INTERVAL_MS[interval], OFF_BY_MS[interval]
    nearest: dict[int, tuple[int, Decimal]] = {}
    for at_ms, price in points:
        begin_ms = (at_ms + off_by_ms) // step_ms * step_ms
        off_ms = abs(at_ms - begin_ms)
        if off_ms <= off_by_ms and (begin_ms not in nearest or off_ms < nearest[begin_ms][0]):
            nearest[begin_ms] = (off_ms, price)
    return {begin_ms: price for begin_ms, (_, price) in nearest.items()}
