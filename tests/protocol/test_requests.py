"""The server takes the requests that fit the contract, and refuses those that do not with the code that says why."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.history import parse_history
from shared.protocol import (
    EVENTS,
    SUBSCRIPTION_EVENTS,
    BadRequest,
    Message,
    parse_message,
    parse_subscription,
    parse_timestamp,
    parse_unsubscription,
)
from shared.store.connections_table import ConnectionsTable
from shared.store.quotes_table import QuotesTable
from shared.values import Snapshot
from shared.wire import dumps, loads
from tests.hostile import hostile_messages
from tests.schemas import Misfit, check, check_sent, contract, sent_by_clients
from tests.unit.clients import ConnectionsServer
from tests.unit.lambdas import CONNECTION_ID as ID
from tests.unit.lambdas import Context, Load, websocket_event
from tests.unit.samples import after, json_values, quotes

PARSERS: Mapping[str, Callable[[Message], object]] = {
    "subscribe": parse_subscription,
    "unsubscribe": parse_unsubscription,
    "snapshot": parse_subscription,
    "history": parse_history,
    "ping": parse_timestamp,
    "subscriptions": lambda _message: None,
    "assets": lambda _message: None,
}
EXAMPLES = [example for message in sent_by_clients().values() for example in message.examples]
FIELDS = sorted({"colour", *(name for example in EXAMPLES for name in example)})
WORDS = ["rates", "rates_batch", "BTC_CAD", "1m", "1d", *EVENTS]
values = st.one_of(
    json_values,
    st.sampled_from(WORDS),
    st.lists(st.sampled_from(["BTC_CAD", "SHIB_CAD", "XYZ_CAD", 1]), max_size=101),
    st.integers(-1, 501),
)


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


@given(
    st.sampled_from(EXAMPLES),
    st.dictionaries(st.sampled_from(FIELDS), values, max_size=2),
    st.sets(st.sampled_from(FIELDS)),
)
def test_a_request_fits_the_contract_exactly_when_the_server_takes_it(
    example: dict[str, Any], changed: dict[str, Any], dropped: set[str]
) -> None:
    message = {key: value for key, value in (example | changed).items() if key not in dropped}
    text = dumps(message)
    if len(text) <= contract()["info"]["x-limits"]["message_bytes"]:
        # Which symbols there are is in the catalogue and not in the contract.
        assert (refusal(text) in {None, "unknown_symbol"}) == fits(loads(text)), text


def test_hostile_messages_fit_the_contract_exactly_when_the_server_takes_them() -> None:
    judged = {"fits": 0, "not": 0}
    for hostile in hostile_messages(5_000, seed=1):
        code = refusal(hostile.text)
        if code in {"bad_json", "too_large"}:
            continue
        taken = code in {None, "unknown_symbol"}
        assert fits(loads(hostile.text)) == taken, hostile
        judged["fits" if taken else "not"] += 1
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
    quotes_table.write_snapshot(after(Snapshot(), quotes()), 1)
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
