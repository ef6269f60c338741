"""Bank of Canada: USD/CAD, one rate per business day, published at 16:30 Eastern time.

https://www.bankofcanada.ca/valet/docs (series FXUSDCAD)
"""

from datetime import UTC, datetime

from shared.model.values import Ticker
from shared.sources.market_row import number
from shared.sources.upstream import Answer, Source, SourceUnavailable

NAME = "bank_of_canada"
BASE_URL = "https://www.bankofcanada.ca"
PATH = "/valet/observations/FXUSDCAD/json"
SERIES = "FXUSDCAD"
POLL_EVERY_MS = 600_000
MAX_AGE_MS = 6 * 86_400_000  # it stands over Christmas


def source() -> Source:
    """Valet, asked every ten minutes."""
    return Source(NAME, BASE_URL, PATH, lambda: {"recent": "1"}, parse, POLL_EVERY_MS, max_age_ms=MAX_AGE_MS)


def parse(answer: Answer) -> list[Ticker]:
    """The newest rate as a ticker without a spread. Its time is the start, in UTC, of the day that it is for.

    Raises:
        SourceUnavailable: no observation, or one without a date or a rate.
    """
    observations = answer.payload.get("observations") if isinstance(answer.payload, dict) else None
    if not isinstance(observations, list) or not observations or not isinstance(observations[-1], dict):
        raise SourceUnavailable("no observations in the answer")
    newest = observations[-1]
    value = newest.get(SERIES)
    try:
        day = datetime.strptime(str(newest.get("d")), "%Y-%m-%d").replace(tzinfo=UTC)
        rate = number(value if isinstance(value, dict) else {}, "v")
    except ValueError as error:
        raise SourceUnavailable(f"not a rate: {error}") from error
    ts_ms = int(day.timestamp()) * 1000
    return [Ticker(NAME, SERIES, rate, rate, rate, None, ts_ms, answer.received_ms, answer.simulated, has_book=False)]
