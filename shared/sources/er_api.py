"""ExchangeRate-API's open endpoint: USD/CAD once a day. Rates By Exchange Rate API, https://www.exchangerate-api.com

https://www.exchangerate-api.com/docs/free
"""

from shared.model.values import Ticker
from shared.sources.market_row import number
from shared.sources.upstream import Answer, Source, SourceUnavailable

NAME = "er_api"
BASE_URL = "https://open.er-api.com"
PATH = "/v6/latest/USD"
POLL_EVERY_MS = 3_600_000  # its own page: once an hour is never limited
MAX_BODY_BYTES = 20_000  # 160 currencies take 3 KB
MAX_AGE_MS = 3 * 86_400_000


def source() -> Source:
    """open.er-api.com, asked every hour."""
    return Source(
        NAME, BASE_URL, PATH, dict, parse, POLL_EVERY_MS, max_age_ms=MAX_AGE_MS, max_body_bytes=MAX_BODY_BYTES
    )


def parse(answer: Answer) -> list[Ticker]:
    """The rate as a ticker without a spread, with the time of its last update.

    Raises:
        SourceUnavailable: the answer is not a success, or has no CAD rate or no time.
    """
    body = answer.payload
    if not isinstance(body, dict) or body.get("result") != "success" or not isinstance(body.get("rates"), dict):
        raise SourceUnavailable("no rates in the answer")
    if body.get("base_code") != "USD":
        raise SourceUnavailable(f"rates of another currency: {body.get('base_code')!r:.20}")
    updated_s = body.get("time_last_update_unix")
    if not isinstance(updated_s, int) or not 0 < updated_s < 10**10:
        raise SourceUnavailable("no time of update in the answer")
    try:
        rate = number(body["rates"], "CAD")
    except ValueError as error:
        raise SourceUnavailable(f"not a rate: {error}") from error
    return [
        Ticker(
            NAME,
            "USDCAD",
            rate,
            rate,
            rate,
            None,
            updated_s * 1000,
            answer.received_ms,
            answer.simulated,
            has_book=False,
        )
    ]
