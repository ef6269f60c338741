"""Bank of Canada: USD/CAD of each business day.

https://www.bankofcanada.ca/valet/docs (series FXUSDCAD, since 2017)
There is one rate a day, so a candle has no range: open, high, low and close are that rate. It begins at 00:00 UTC of
the rate's day. Weekends and holidays have none.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from shared.model.candles import DAY_MS, Candle
from shared.sources import bank_of_canada
from shared.sources.candle_rows import wanted_of
from shared.sources.history import History, Wanted
from shared.sources.upstream import Answer, SourceUnavailable

MOST = 3_660  # ten years; no limit is documented
EVERY_MS = 1_000
MAX_BODY_BYTES = 600_000  # an observation takes 45 bytes, with line breaks 80
UNKNOWN = 404


def history() -> History:
    """Valet's observations between two days."""
    return History(
        bank_of_canada.NAME,
        bank_of_canada.BASE_URL,
        lambda wanted: f"/valet/observations/{wanted.market}/json",
        _params,
        parse,
        lambda status, _payload: status == UNKNOWN,
        most={"1d": MOST},
        reach={},
        every_ms=EVERY_MS,
        max_body_bytes=MAX_BODY_BYTES,
    )


def parse(answer: Answer, wanted: Wanted) -> list[Candle]:
    """The wanted candles, oldest first.

    Raises:
        SourceUnavailable: the answer has no list of observations.
    """
    observations = answer.payload.get("observations") if isinstance(answer.payload, dict) else None
    if not isinstance(observations, list):
        raise SourceUnavailable("no observations in the answer")
    return wanted_of(_readable(observations, wanted.market), wanted)


def _readable(observations: Iterable[object], series: str) -> Iterator[Candle]:
    for observation in observations:
        try:
            day_ms, rate = bank_of_canada.rate_of_day(observation, series)
        except ValueError:
            continue
        yield Candle(day_ms, rate, rate, rate, rate)


def _params(wanted: Wanted) -> Mapping[str, str]:
    return {"start_date": _day(wanted.from_ms), "end_date": _day(wanted.until_ms - DAY_MS)}  # inclusive


def _day(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms // 1000, UTC):%Y-%m-%d}"
