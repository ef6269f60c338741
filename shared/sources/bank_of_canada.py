"""Bank of Canada: USD/CAD, one rate per business day, published at 16:30 Eastern time.

https://www.bankofcanada.ca/valet/docs (series FXUSDCAD)
"""

from datetime import UTC, datetime
from decimal import Decimal

from shared.model.values import Ticker
from shared.sources.market_row import number
from shared.sources.upstream import Answer, Source, SourceUnavailable

NAME = "bank_of_canada"
BASE_URL = "https://www.bankofcanada.ca"
PATH = "/valet/observations/FXUSDCAD/json"
SERIES = "FXUSDCAD"
POLL_EVERY_MS = 600_000
MAX_BODY_BYTES = 20_000  # one observation takes less than 1 KB
MAX_AGE_MS = 6 * 86_400_000  # long enough for Christmas


def source() -> Source:
    """Valet, asked every ten minutes."""
    return Source(
        NAME,
        BASE_URL,
        PATH,
        lambda: {"recent": "1"},
        parse,
        POLL_EVERY_MS,
        max_age_ms=MAX_AGE_MS,
        max_body_bytes=MAX_BODY_BYTES,
    )


def parse(answer: Answer) -> list[Ticker]:
    """The newest rate as a ticker without a spread. Its time is the start, in UTC, of the rate's day.

    Raises:
        SourceUnavailable: there is no observation, or the newest has no date or rate.
    """
    observations = answer.payload.get("observations") if isinstance(answer.payload, dict) else None
    if not isinstance(observations, list) or not observations:
        raise SourceUnavailable("no observations in the answer")
    try:
        ts_ms, rate = rate_of_day(observations[-1], SERIES)
    except ValueError as error:
        raise SourceUnavailable(f"not a rate: {error}") from error
    return [Ticker(NAME, SERIES, rate, rate, rate, None, ts_ms, answer.received_ms, answer.simulated, has_book=False)]


def rate_of_day(observation: object, series: str) -> tuple[int, Decimal]:
    """The start of an observation's day (UTC, in Unix ms) and its rate.

    Raises:
        ValueError: it has no date or no number.
    """
    if not isinstance(observation, dict):
        raise ValueError(f"not an observation: {observation!r:.40}")
    value = observation.get(series)
    day = datetime.strptime(str(observation.get("d")), "%Y-%m-%d").replace(tzinfo=UTC)
    return int(day.timestamp()) * 1000, number(value if isinstance(value, dict) else {}, "v")
