"""The two daily USD/CAD rates in their publishers' formats: Bank of Canada Valet and open.er-api.com.

https://www.bankofcanada.ca/valet/docs
https://www.exchangerate-api.com/docs/free
"""

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from multidict import MultiMapping

from shared.model.wire import dumps
from tools.simulator.faults import Fault
from tools.simulator.market import Market, Moment
from tools.simulator.response import Response

VALET_PATH = "/valet/observations/{series}/json"
ER_API_PATH = "/v6/latest/{base}"

SERIES = "FXUSDCAD"
VALET_DOCS = "https://www.bankofcanada.ca/valet/docs"
# 16:30 Eastern Standard Time. Daylight saving and bank holidays are ignored here.
PUBLISHED_AT = time(21, 30)
MOST_OBSERVATIONS = 1_000
# The series begins here. https://www.bankofcanada.ca/rates/exchange/daily-exchange-rates/
FIRST_DAY = date(2017, 1, 3)

ER_API = "https://www.exchangerate-api.com"
# It is refreshed a little after midnight.
REFRESHED_AT = time(0, 2, 31)


def valet_answer(series: str, query: MultiMapping[str], market: Market, moment: Moment, fault: Fault) -> Response:
    """Return observations, oldest first: one per business day, four decimals.

    They are the last `recent` ones (default 1), or those from `start_date` to `end_date` (YYYY-MM-DD).
    """
    if series != SERIES:
        return Response(404, _valet_error(f"Series {series} not found."))
    try:
        skipped, recent = _counts(query, moment.now_ms)
    except ValueError as error:
        return Response(400, _valet_error(str(error)))
    days, stated = (
        [] if fault.leaves_out(SERIES) else business_days(at.now_ms, skipped + recent)[:recent]
        for at in (moment, moment.clock)
    )
    detail = {
        "label": "USD/CAD",
        "description": "US dollar to Canadian dollar daily exchange rate",
        "dimension": {"key": "d", "name": "Date"},
    }
    body = {
        "terms": {"url": "https://www.bankofcanada.ca/terms/"},
        "seriesDetail": {SERIES: detail},
        "observations": [
            {"d": as_of.isoformat(), SERIES: {"v": _stated(_valet_text(market, day), fault, SERIES)}}
            for day, as_of in zip(days, stated, strict=True)
        ],
    }
    return Response(200, json.dumps(body))


def er_api_answer(base: str, market: Market, moment: Moment, fault: Fault) -> Response:
    """Return the last refresh's rates for the US dollar.

    It has only the dollar itself, the dirham, which is pegged to it, and the Canadian dollar.
    """
    if base != "USD":
        return Response(404, dumps({"result": "error", "error-type": "unsupported-code"}))
    last = _last_refresh(moment.clock.now_ms)
    following = last + timedelta(days=1, minutes=20)
    rates: dict[str, object] = {"USD": 1, "AED": Decimal("3.6725")}
    if not fault.leaves_out("CAD"):
        text = _stated(_er_api_text(market, moment.now_ms), fault, "CAD")
        rates["CAD"] = text if fault.rule("CAD") == "text" else Decimal(text)
    body = {
        "result": "success",
        "provider": ER_API,
        "documentation": f"{ER_API}/docs/free",
        "terms_of_use": f"{ER_API}/terms",
        "time_last_update_unix": int(last.timestamp()),
        "time_last_update_utc": _rfc_2822(last),
        "time_next_update_unix": int(following.timestamp()),
        "time_next_update_utc": _rfc_2822(following),
        "time_eol_unix": 0,
        "base_code": base,
        "rates": rates,
    }
    return Response(200, dumps(body))


def valet_rate(market: Market, now_ms: int) -> Decimal:
    """Return the Bank of Canada's rate at that time."""
    return Decimal(_valet_text(market, business_days(now_ms, 1)[0]))


def er_api_rate(market: Market, now_ms: int) -> Decimal:
    """Return open.er-api.com's rate at that time."""
    return Decimal(_er_api_text(market, now_ms))


def business_days(now_ms: int, count: int) -> list[date]:
    """Return the last days with a published rate, oldest first."""
    now = datetime.fromtimestamp(now_ms // 1000, UTC)
    day = now.date() if now.time() >= PUBLISHED_AT else now.date() - timedelta(days=1)
    days: list[date] = []
    while len(days) < count:
        if day.weekday() < 5:
            days.append(day)
        day -= timedelta(days=1)
    return days[::-1]


def _counts(query: MultiMapping[str], now_ms: int) -> tuple[int, int]:
    """Return how many of the newest observations a request leaves out, and how many before these it asks for.

    Raises:
        ValueError: a parameter is not as documented; the text says what is wrong.
    """
    start, end = (_date(name, query[name]) if name in query else None for name in ("start_date", "end_date"))
    if start is None and end is None:
        recent = query.get("recent", "1")
        if not recent.isascii() or not recent.isdigit() or not 0 < int(recent) <= MOST_OBSERVATIONS:
            raise ValueError("Bad recent observations request parameters, must be a positive number")
        return 0, int(recent)
    if "recent" in query:
        raise ValueError("Bad observations request parameters, recent goes without start_date and end_date")
    if start and end and end < start:
        raise ValueError("The End date must be greater than the Start date.")
    newest = business_days(now_ms, 1)[0]
    start, end = max(start or FIRST_DAY, FIRST_DAY), min(end or newest, newest)
    return _business_days_between(end, newest), _business_days_between(start - timedelta(days=1), end)


def _business_days_between(after: date, until: date) -> int:
    """Return the number of business days after a day up to another."""
    return sum((after + timedelta(days=at)).weekday() < 5 for at in range(1, (until - after).days + 1))


def _date(name: str, text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise ValueError(f"Bad {name} format, must be yyyy-MM-dd") from None


def _last_refresh(now_ms: int) -> datetime:
    now = datetime.fromtimestamp(now_ms // 1000, UTC)
    today = datetime.combine(now.date(), REFRESHED_AT, UTC)
    return today if today <= now else today - timedelta(days=1)


def valet_error_of_status(status: int) -> str:
    return _valet_error(f"The service answers {status}.")


def er_api_error_of_status(status: int) -> str:
    return dumps({"result": "error", "error-type": "quota-reached" if status == 429 else "unknown"})


def _valet_text(market: Market, day: date) -> str:
    return f"{market.daily_usd_cad(day):.4f}"


def _er_api_text(market: Market, now_ms: int) -> str:
    return f"{market.daily_usd_cad(_last_refresh(now_ms).date()):.6f}"


def _stated(rate: str, fault: Fault, symbol: str) -> str:
    return fault.stated(symbol, last=rate)["last"]


def _valet_error(message: str) -> str:
    return json.dumps({"message": message, "docs": VALET_DOCS})


def _rfc_2822(when: datetime) -> str:
    return when.strftime("%a, %d %b %Y %H:%M:%S +0000")
