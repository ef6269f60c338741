"""Reads the candles in a source's history. One set of rules applies to the candles of every source."""

from collections.abc import Iterable, Iterator, Sequence

from shared.model.candles import INTERVAL_MS, Candle
from shared.sources.history import Wanted
from shared.sources.market_row import number, whole
from shared.sources.upstream import SourceUnavailable


def candles_in(rows: object, columns: Sequence[str], unit_ms: int, wanted: Wanted) -> list[Candle]:
    """The candles in rows with these columns, judged by `wanted_of`. Rows that cannot be read are left out.

    `columns` names `time`, in units of `unit_ms`, `open`, `high`, `low` and `close`; rows may be longer.

    Raises:
        SourceUnavailable: it is not a list.
    """
    if not isinstance(rows, list):
        raise SourceUnavailable(f"no candles of {wanted.market} in the answer")
    return wanted_of(_readable(rows, columns, unit_ms), wanted)


def wanted_of(candles: Iterable[Candle], wanted: Wanted) -> list[Candle]:
    """Those that were wanted, begin an interval and are sane, oldest first. Of two of one time, the first stays.

    A candle is sane if its low is above zero and open and close lie between low and high.
    """
    step_ms = INTERVAL_MS[wanted.interval]
    by_time: dict[int, Candle] = {}
    for candle in candles:
        in_time = wanted.from_ms <= candle.open_ms < wanted.until_ms and candle.open_ms % step_ms == 0
        if in_time and _is_sane(candle):
            by_time.setdefault(candle.open_ms, candle)
    return [by_time[open_ms] for open_ms in sorted(by_time)]


def _is_sane(candle: Candle) -> bool:
    return 0 < candle.low <= min(candle.open, candle.close) and max(candle.open, candle.close) <= candle.high


def _readable(rows: Iterable[object], columns: Sequence[str], unit_ms: int) -> Iterator[Candle]:
    for row in rows:
        try:
            yield _candle(row, columns, unit_ms)
        except ValueError:
            continue


def _candle(row: object, columns: Sequence[str], unit_ms: int) -> Candle:
    if not isinstance(row, list):
        raise ValueError(f"not a row: {row!r:.60}")
    named = dict(zip(columns, row, strict=False))
    return Candle(
        whole(named, "time") * unit_ms,
        number(named, "open"),
        number(named, "high"),
        number(named, "low"),
        number(named, "close"),
    )
