"""The server accepts the requests that fit the contract and refuses the others with the right code."""

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.values import Snapshot
from shared.model.wire import dumps, loads
from shared.protocol import (
    ERRORS,
    EVENTS,
    MAX_MESSAGE_BYTES,
    SUBSCRIPTION_EVENTS,
    BadRequest,
    Message,
    parse_every,
    parse_explain,
    parse_message,
    parse_subscription,
    parse_timestamp,
    parse_unsubscription,
)
from shared.requests.history import parse_history
from shared.store.candle_keys import LATEST_MS
from shared.store.connections_table import ConnectionsTable
from shared.store.quotes_table import QuotesTable
from tests.clients import ConnectionsServer
from tests.hostile import hostile_messages
from tests.lambdas import CONNECTION_ID as ID
from tests.lambdas import Context, Load, websocket_event
from tests.samples import after, explanations, json_values, quotes
from tests.schemas import Misfit, check, check_sent, contract, sent_by_clients

PARSERS: Mapping[str, Callable[[Message], object]] = {
    "subscribe": lambda message: (parse_subscription(message), parse_every(message, tick_s=1)),
    "unsubscribe": parse_unsubscription,
    "snapshot": parse_subscription,
    "explain": parse_explain,
    "history": parse_history,
    "ping": parse_timestamp,
    "subscriptions": lambda _message: None,
    "assets": lambda _message: None,
    "trends": lambda _message: None,
}
EXAMPLES = [example for message in sent_by_clients().values() for example in message.examples]
FIELDS = sorted({"colour", *(name for example in EXAMPLES for name in example)})
EDGES: list[Any] = [
    *(
        None,
        True,
        False,
        {},
        [],
        [1],
        [None],
        ["BTC_CAD"],
        ["BTC_CAD", 1],
        "",
        "BTC_CAD",
        "rates",
        "rates_batch",
        "rates_compact",
        "1m",
        "1d",
    ),
    *(["BTC_CAD"] * 100, ["BTC_CAD"] * 101, "i" * 36, "i" * 37, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1),
    *(-1, 0, 1, 301, 500, 501, LATEST_MS, LATEST_MS + 1, Decimal("1.5"), Decimal("1.0"), *EVENTS),
]


def fits(message: object) -> bool:
    try:
        check_sent(message)
    except Misfit:
        return False
    return True


def refusal(text: str) -> str | None:
    """Return the code with which the server refuses a message."""
    try:
        message = parse_message(text)
        if message.event not in PARSERS:
            return "unknown_event"
        PARSERS[message.event](message)
    except BadRequest as error:
        return error.code
    return None


def test_every_event_has_its_parser_here() -> None:
    assert PARSERS.keys() == set(EVENTS)


def hold(message: dict[str, Any]) -> str | None:
    """Assert that the server and the contract agree on a message; return the code of its refusal."""
    text = dumps(message)
    assert len(text) <= MAX_MESSAGE_BYTES
    code = refusal(text)
    # The catalogue lists the symbols, not the contract.
    assert code == "unknown_symbol" or (code is None) == fits(loads(text)), text
    return code


def test_contract_and_server_agree_on_one_changed_field() -> None:
    """A request fits the contract exactly when the server accepts it."""
    codes = Counter(hold({**example, field: edge}) for example in EXAMPLES for field in FIELDS for edge in EDGES)
    by_state = {"channel_denied", "channel_off", "channel_full", "unavailable", "rate_limited"}
    assert codes.keys() == ERRORS.keys() - {"bad_json", "too_large", *by_state} | {None}


def test_contract_and_server_agree_on_a_missing_field() -> None:
    """A request fits the contract exactly when the server accepts it."""
    for example in EXAMPLES:
        for field in example:
            hold({key: value for key, value in example.items() if key != field})


@given(
    st.sampled_from(EXAMPLES),
    st.dictionaries(st.sampled_from(FIELDS), json_values | st.sampled_from(EDGES), max_size=3),
)
def test_contract_and_server_agree_on_several_changed_fields(example: dict[str, Any], changed: dict[str, Any]) -> None:
    """A request fits the contract exactly when the server accepts it."""
    message = example | changed
    if len(dumps(message)) <= MAX_MESSAGE_BYTES:
        hold(message)


def test_contract_and_server_agree_on_hostile_messages() -> None:
    """A message fits the contract exactly when the server accepts it."""
    judged = {"fits": 0, "not": 0}
    for hostile in hostile_messages(5_000, seed=1):
        code = refusal(hostile.text)
        if code not in {"bad_json", "too_large", "unknown_symbol"}:
            assert fits(loads(hostile.text)) == (code is None), hostile
            judged["not" if code else "fits"] += 1
    assert min(judged.values()) > 200


@pytest.mark.parametrize("example", EXAMPLES, ids=dumps)
def test_the_lambdas_answer_every_example_as_the_contract_says(
    example: dict[str, Any],
    load: Load,
    api: ConnectionsServer,
    quotes_table: QuotesTable,
    connections_table: ConnectionsTable,
) -> None:
    now_ms = time.time_ns() // 1_000_000
    quotes_table.take_lease(now_ms + 20_000)  # an ingest runs, so none is woken
    quotes_table.write_snapshot(after(Snapshot(), quotes(), now_ms), 1)
    quotes_table.write_explanations(explanations())
    connections_table.add(ID, now_ms // 1000)
    event = example["event"]
    function = load("subscribe" if event in SUBSCRIPTION_EVENTS else "request")
    assert function.handler(websocket_event(event, json.dumps(example)), Context()) == {"statusCode": 200}
    answer, *more = api.frames()
    operation = next(each for each in contract()["operations"].values() if _is_of(each, event))
    replies = {message["name"] for message in operation["reply"]["messages"]} - {"error"}
    assert check(answer) in replies
    assert answer.get("id") == example.get("id")
    assert {check(frame) for frame in more} <= replies | {"snapshot", "compactSnapshot", "data"}


def _is_of(operation: Mapping[str, Any], event: str) -> bool:
    return bool(operation["action"] == "receive" and operation["messages"][0]["name"] == event)
