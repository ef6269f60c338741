"""The queries of the documents, judged by the rules of the WebSocket's requests."""

import re
from urllib.parse import parse_qsl, quote, unquote, unquote_plus

from shared.documents.paths import Wanted
from shared.documents.problems import Problem, problem_of
from shared.model.assets import catalogue
from shared.model.channels import RATES_BATCH
from shared.protocol import BadRequest, Message, View, parse_subscription, unknown_symbol
from shared.requests.history import HistoryRequest, parse_history

SYMBOLS, LIMIT, BEFORE = "symbols", "limit", "before"
# Caches keep a document by its path and these; others are ignored, and CloudFront does not pass them on.
PARAMETERS = (SYMBOLS, LIMIT, BEFORE)
MOST_DIGITS = 18
MOST_FIELDS = 100
# Which of them a path takes, by its beginning.
TAKEN = {"/markets/rates.": (SYMBOLS,), "/markets/history/": (LIMIT, BEFORE)}
# A field of a query as a part of the path. It holds no character that anything on its way decodes.
FIELD_MARK = "/~"
ENCODED = "[^A-Za-z0-9_.,-]+"
PART = re.compile(r"(\w+)=([A-Za-z0-9_.,!'()*~-]*)", re.ASCII)


def folded(path: str, query: str) -> str:
    """The path of a request with those fields of its query in it that it takes, in one order: what distinguishes
    documents.

    CloudFront's own cache policies, which every pricing plan has, keep no document by single fields of its query.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
    """
    fields = [part.partition("=") for part in query.split("&")]
    known = [(each, value) for each in _taken_by(path) for name, _, value in fields if unquote_plus(name) == each]
    return path + "".join(f"{FIELD_MARK}{name}={re.sub(ENCODED, _encoded, value)}" for name, value in known)


def unfolded(path: str, query: str) -> tuple[str, str]:
    """The path and the query of a request whose path may have fields in it, as `folded` writes them; any other path
    stays as it is. It keeps the query's own fields."""
    bare, *parts = path.split(FIELD_MARK)
    found = [PART.fullmatch(part) for part in parts]
    fields = [
        f"{each[1]}={unquote(each[2].replace('~', '%'))}" for each in found if each and each[1] in _taken_by(bare)
    ]
    if len(fields) < len(parts):
        return path, query
    return bare, "&".join([*fields, query] if query else fields)


def _taken_by(path: str) -> tuple[str, ...]:
    return next((names for start, names in TAKEN.items() if path.startswith(start)), ())


def _encoded(found: re.Match[str]) -> str:
    return quote(found[0], safe="!'()*").replace("~", "%7E").replace("%", "~")


def view_asked(query: str) -> View:
    """The symbols that a query names, with commas between, in the feed's order; `None` if it names none.

    Raises:
        Problem: there is no such symbol, or there are too many.
    """
    text = _fields(query).get(SYMBOLS)
    body = {"channel": RATES_BATCH, **({} if text is None else {"symbols": text.split(",")})}
    try:
        asked = parse_subscription(Message("snapshot", None, body))
        if asked.rejected:
            raise unknown_symbol(asked.rejected, None)
    except BadRequest as error:
        raise problem_of(error) from None
    return asked.view


def symbol_asked(wanted: Wanted) -> str:
    """The symbol that a path names.

    Raises:
        Problem: there is no such symbol.
    """
    if wanted.symbol not in catalogue():
        raise problem_of(unknown_symbol([wanted.symbol], None))
    return wanted.symbol


def history_asked(wanted: Wanted, query: str) -> HistoryRequest:
    """The candles that a path and its query ask for.

    Raises:
        Problem: there is no such symbol or interval, or a number is not one, or out of its limits.
    """
    fields = _fields(query)
    body: dict[str, object] = {"symbol": wanted.symbol, "interval": wanted.interval}
    body |= {name: _number(fields[name]) for name in (LIMIT, BEFORE) if name in fields}
    try:
        return parse_history(Message("history", None, body))
    except BadRequest as error:
        raise problem_of(error) from None


def _fields(query: str) -> dict[str, str]:
    """The known fields of a query.

    Raises:
        Problem: it has a field twice, or too many.
    """
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Problem("bad_request", "the query has too many fields") from None
    known = [(name, value) for name, value in pairs if name in PARAMETERS]
    if len({name for name, _ in known}) < len(known):
        raise Problem("bad_request", "the query has a field twice")
    return dict(known)


def _number(text: str) -> int | str:
    """The whole number that a text is; any other text as it is, which no rule accepts."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS else text
