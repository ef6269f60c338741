"""The right answers to a message, derived from the protocol's description and not from the server's parser.

If a message has several faults, any of their codes is right: their order is not specified.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from shared.model.assets import catalogue
from shared.model.wire import loads
from tests.schemas import contract

# What the contract says, which other tests hold against the code.
LIMITS: Mapping[str, int] = contract()["info"]["x-limits"]
SCHEMAS: Mapping[str, Any] = contract()["components"]["schemas"]
MAX_MESSAGE_BYTES = LIMITS["message_bytes"]
MAX_SYMBOLS = LIMITS["symbols"]
MAX_LIMIT = LIMITS["history_candles"]
MAX_ID_LENGTH = LIMITS["id_characters"]
CHANNELS = set(SCHEMAS["Channel"]["enum"])
INTERVALS = set(SCHEMAS["Interval"]["enum"])
LONGEST_S = LIMITS["every_seconds"]
LATEST_MS = 10**13 - 1
ANSWER = {
    "subscribe": "subscribed",
    "unsubscribe": "unsubscribed",
    "subscriptions": "subscriptions",
    "snapshot": "snapshot",
    "ping": "pong",
    "assets": "assets",
    "history": "history",
    "trends": "trends",
    "explain": "explain",
}
# API Gateway has routes of these names, whose Lambdas cannot answer.
UNANSWERED = {"$connect", "$disconnect"}
UNASKED = {"data", "update", "heartbeat", "closing"}
# Deeper messages and larger exponents may be refused as unreadable: every parser has limits.
DEEP, LARGE_EXPONENT = 50, 300

Frame = Mapping[str, Any]


def direct(text: str, frames: Sequence[Frame]) -> list[Frame]:
    """Return the frames that answer a message. A snapshot counts only if it was requested."""
    asked = "snapshot" in right_answers(text)
    message_id = (_object(text) or {}).get("id")
    return [
        frame
        for frame in frames
        if frame.get("event") not in UNASKED | {"snapshot"}
        or (asked and frame.get("event") == "snapshot" and frame.get("id") == message_id)
    ]


def hold(text: str, frames: Sequence[Frame]) -> None:
    """Assert that a message's frames are one documented error or its right answer."""
    right = right_answers(text)
    body = _object(text)
    answers = direct(text, frames)
    shown = f"{text[:200]!r} got {[str(frame)[:200] for frame in answers]}, right is {sorted(right)}"
    if not answers:
        assert may_be_silent(text), shown
        return
    assert are_complete(answers), shown
    for answer in answers:
        event = answer.get("event")
        assert (answer["code"] if event == "error" else event) in right, shown
        if event == "error":
            assert isinstance(answer["message"], str), shown
            assert answer["message"], shown
            assert answer["retryable"] is (answer["code"] == "unavailable"), shown
    if body is not None and answers[0].get("code") not in {"bad_json", "too_large"}:
        expected = body.get("id") if _is_id(body.get("id")) else None
        assert all(answer.get("id") == expected for answer in answers), shown
        if answers[0]["event"] == "pong":
            _hold_timestamp(body.get("timestamp"), answers[0], shown)


def may_be_silent(text: str) -> bool:
    """Return whether a message may have no answer of its own: a snapshot of `rates` is only data frames."""
    body = _object(text) or {}
    rates = "snapshot" in right_answers(text) and body.get("channel") == "rates"
    return rates or str(body.get("event")) in UNANSWERED


def are_complete(answers: Sequence[Frame]) -> bool:
    """Return whether these are all the frames that the first one announces."""
    return len(answers) == answers[0].get("parts", 1) if answers else False


def right_answers(text: str) -> frozenset[str]:
    """Return the codes of the errors that fit a message, or otherwise the event of its answer."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_MESSAGE_BYTES:
        return frozenset({"too_large"})
    unreadable = frozenset({"bad_json"})
    try:
        body, extreme = _read(text)
    except ValueError:
        return unreadable
    except RecursionError:
        # It is unreadable, whether it is an object or not.
        return unreadable | {"bad_request"} | set(ANSWER.values())
    right = frozenset(_faults(body)) or frozenset({ANSWER[body["event"]]})
    if right <= {"snapshot", "explain"}:
        right |= {"unavailable"}  # none of them has a price, or the feed has not priced any market yet
    if right == {"subscribed"} and body.get("every") is not None:
        right |= {"bad_every"}  # the contract does not say how long the tick is
    return right | unreadable if extreme else right


def _faults(body: object) -> set[str]:
    if not isinstance(body, dict):
        return {"bad_request"}
    faults = set() if body.get("id") is None or _is_id(body["id"]) else {"bad_request"}
    event = body.get("event")
    if not isinstance(event, str) or not event:
        return {"bad_request"}
    match event:
        case "subscribe":
            return faults | _view_faults(body) | _every_faults(body.get("every"))
        case "snapshot":
            return faults | _view_faults(body)
        case "unsubscribe":
            return faults | _unsubscribe_faults(body)
        case "history":
            return faults | _history_faults(body)
        case "explain":
            return faults | _symbol_faults(body.get("symbol"))
        case "ping" | "subscriptions" | "assets" | "trends":
            return faults
        case _:
            return faults | {"unknown_event"}


def _view_faults(body: Mapping[str, Any]) -> set[str]:
    return _channel_faults(body.get("channel")) | _symbols_faults(body.get("symbols"))


def _every_faults(every: object) -> set[str]:
    return set() if every is None or _is_whole_number(every, 1, LONGEST_S) else {"bad_every"}


def _channel_faults(channel: object) -> set[str]:
    return set() if isinstance(channel, str) and channel in CHANNELS else {"unknown_channel"}


def _symbols_faults(symbols: object) -> set[str]:
    if symbols is None:
        return set()
    if not isinstance(symbols, list) or not symbols:
        return {"bad_request"}
    faults = {"too_many_symbols"} if len(symbols) > MAX_SYMBOLS else set()
    names = [symbol for symbol in symbols if isinstance(symbol, str)]
    if len(names) < len(symbols):
        return faults | {"bad_request"}
    return faults if any(name in catalogue() for name in names) else faults | {"unknown_symbol"}


def _unsubscribe_faults(body: Mapping[str, Any]) -> set[str]:
    symbols = _symbols_faults(body.get("symbols"))
    if body.get("channel") is None:
        return symbols if body.get("symbols") is None else symbols | {"bad_request"}
    return symbols | _channel_faults(body["channel"])


def _symbol_faults(symbol: object) -> set[str]:
    if not isinstance(symbol, str):
        return {"bad_request"}
    return set() if symbol in catalogue() else {"unknown_symbol"}


def _history_faults(body: Mapping[str, Any]) -> set[str]:
    faults, interval = _symbol_faults(body.get("symbol")), body.get("interval")
    if not isinstance(interval, str):
        faults.add("bad_request")
    if isinstance(interval, str) and interval not in INTERVALS:
        faults.add("unknown_interval")
    if body.get("limit") is not None and not _is_whole_number(body["limit"], 1, MAX_LIMIT):
        faults.add("bad_limit")
    if body.get("before") is not None and not _is_whole_number(body["before"], 0, LATEST_MS):
        faults.add("bad_request")
    return faults


def _hold_timestamp(sent: object, pong: Frame, shown: str) -> None:
    """Assert that a `timestamp` comes back unchanged if it could be an id or is a number, and otherwise not."""
    if _is_id(sent) or (isinstance(sent, int | Decimal) and not isinstance(sent, bool)):
        extreme = isinstance(sent, Decimal) and abs(sent.adjusted()) > LARGE_EXPONENT
        assert ("timestamp" not in pong and extreme) or pong["timestamp"] == sent, shown
    else:
        assert "timestamp" not in pong, shown


def _object(text: str) -> dict[str, Any] | None:
    try:
        body = loads(text)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _read(text: str) -> tuple[Any, bool]:
    """Return a message and whether a parser may refuse it although it is JSON.

    Raises:
        ValueError: it is not JSON.
        RecursionError: it is too deep for this parser.
    """
    extreme = False

    def fraction(number: str) -> _Fraction:
        nonlocal extreme
        mantissa, _, exponent = number.lower().partition("e")
        extreme = extreme or len(mantissa) > LARGE_EXPONENT or abs(int(exponent or 0)) > LARGE_EXPONENT
        return _Fraction(number)

    def refuse(name: str) -> None:
        raise ValueError(name)

    body = json.loads(text, parse_float=fraction, parse_constant=refuse)
    return body, extreme or _depth(body) > DEEP


@dataclass(frozen=True, slots=True)
class _Fraction:
    """A number with a fraction or an exponent: never an id, a whole number or a text."""

    text: str


def _depth(body: object) -> int:
    depth, level = 0, [body]
    while level:
        depth += 1
        inner = [each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list)]
        level = [value for values in inner for value in values]
    return depth


def _is_id(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= MAX_ID_LENGTH
    return _is_whole_number(value, -(2**63), 2**63 - 1)


def _is_whole_number(value: object, lowest: int, highest: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest
