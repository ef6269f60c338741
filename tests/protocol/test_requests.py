"""The server takes the requests that fit the contract, and refuses those that do not with the code that says why."""

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
    parse_explain,
    parse_message,
    parse_subscription,
    parse_timestamp,
    parse_unsubscription,
)
from shared.requests.history import parse_history
from shared.store.candles_table import LATEST_MS
from shared.store.connections_table import ConnectionsTable
from shared.store.quotes_table import QuotesTable
from tests.hostile import hostile_messages
from tests.schemas import Misfit, check, check_sent, contract, sent_by_clients
from tests.unit.clients import ConnectionsServer
from tests.unit.lambdas import CONNECTION_ID as ID
from tests.unit.lambdas import Context, Load, websocket_event
from tests.unit.samples import after, explanations, json_values, quotes

PARSERS: Mapping[str, Callable[[Message], object]] = {
    "subscribe": parse_subscription,
    "unsubscribe": parse_unsubscription,
    "snapshot": parse_subscription,
    "explain": parse_explain,
    "history": parse_history,
    "ping": parse_timestamp,
    "subscriptions": lambda _message: None,
    "assets": lambda _message: None,
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
        "1m",
        "1d",
    ),
    *(["BTC_CAD"] * 100, ["BTC_CAD"] * 101, "i" * 36, "i" * 37, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1),
    *(-1, 0, 1, 500, 501, LATEST_MS, LATEST_MS + 1, Decimal("1.5"), Decimal("1.0"), *EVENTS),
]


def fits(message: object) -> bool:
    try:
        check_sent(message)
    except Misfit:
        return False
    return True


def refusal(text: str) -> str | None:
    """The code with which the server refuses a message."""
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
    """Assert that the server and the contract are of one mind about a message; the code with which it is refused."""
    text = dumps(message)
    assert len(text) <= MAX_MESSAGE_BYTES
    code = refusal(text)
    # Which symbols there are is in the catalogue and not in the contract.
    assert code == "unknown_symbol" or (code is None) == fits(loads(text)), text
    return code


def test_a_request_with_any_field_changed_fits_the_contract_exactly_when_the_server_takes_it() -> None:
    codes = Counter(hold({**example, field: edge}) for example in EXAMPLES for field in FIELDS for edge in EDGES)
    assert codes.keys() == ERRORS.keys() - {"bad_json", "too_large", "unavailable", "rate_limited"} | {None}


def test_a_request_without_any_of_its_fields_fits_the_contract_exactly_when_the_server_takes_it() -> None:
    for example in EXAMPLES:
        for field in example:
            hold({key: value for key, value in example.items() if key != field})


@given(
    st.sampled_from(EXAMPLES),
    st.dictionaries(st.sampled_from(FIELDS), json_values | st.sampled_from(EDGES), max_size=3),
)
def test_a_request_with_several_changed_fits_it_exactly_when_the_server_takes_it(
    example: dict[str, Any], changed: dict[str, Any]
) -> None:
    message = example | changed
    if len(dumps(message)) <= MAX_MESSAGE_BYTES:
        hold(message)


def test_hostile_messages_fit_the_contract_exactly_when_the_server_takes_them() -> None:
    judged = {"fits": 0, "not": 0}
    for hostile in hostile_messages(5_000, seed=1):
        code = refusal(hostile.text)
        if code not in {"bad_json", "too_large", "unknown_symbol"}:
            assert fits(loads(hostile.text)) == (code is None), hostile
            judged["not" if code else "fits"] += 1
    assert min(judged.values()) > 200


@pytest.mark.parametrize("example", EXAMPLES, ids=dumps)
def test_the_deployed_functions_answer_every_example_as_the_contract_says(
    example: dict[str, Any],
    load: Load,
    api: ConnectionsServer,
    quotes_table: QuotesTable,
    connections_table: ConnectionsTable,
) -> None:
    now_ms = time.time_ns() // 1_000_000
    quotes_table.take_lease(now_ms + 60_000)  # an ingest runs: none has to be woken
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
    assert {check(frame) for frame in more} <= replies | {"snapshot", "data"}


def _is_of(operation: Mapping[str, Any], event: str) -> bool:
    return bool(operation["action"] == "receive" and operation["messages"][0]["name"] == event)
