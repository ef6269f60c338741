"""Hostile messages, others in each run: each gets one documented error or its right answer."""

import json
import os
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from mypy_boto3_dynamodb.service_resource import Table

from shared.model.candles import INTERVAL_MS
from shared.model.channels import CHANNELS
from shared.model.values import Snapshot
from shared.protocol import EVENTS, MAX_MESSAGE_BYTES, SUBSCRIPTION_EVENTS
from shared.requests.routes import Act, route
from shared.requests.subscriptions import Subscriptions
from shared.store.connections_table import ConnectionsTable
from shared.store.quotes_table import QuotesTable
from tests.answering import requests_on
from tests.clients import Clients
from tests.right_answers import hold
from tests.samples import AGELESS, SYMBOLS, after, explanations, json_values, quotes
from tests.schemas import check

ID = "L0SM9cOFvHcCIhw="
MESSAGES = int(os.environ.get("CADFEED_HOSTILE_MESSAGES", "1500"))

# --- Messages

any_text = st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1"))
surrogates = st.text(st.characters(categories=["Cs"]), min_size=1, max_size=4)
huge_numbers = st.one_of(
    st.integers(1, 3_900).map(lambda digits: "9" * digits),
    st.integers(-(10**9), 10**9).map(lambda exponent: f"-1.5e{exponent}"),
    st.sampled_from(["1e999999999999", "-0", "-0.0", "1E+2", "9223372036854775808", "-9223372036854775809", "NaN"]),
)
deep = st.builds(
    lambda opened, closed, depth: opened * depth + closed * depth, st.just("["), st.just("]"), st.integers(1, 2_048)
)
deep_objects = st.integers(1, 800).map(lambda depth: '{"a":' * depth + "1" + "}" * depth)
# Draw a field's value as JSON text: right, of another type, or hard for parsers.
wrong = st.one_of(json_values.map(lambda value: json.dumps(value, default=str)), huge_numbers, deep, deep_objects)
names = st.sampled_from(SYMBOLS) | any_text | surrogates
symbols = st.lists(names, max_size=4).map(json.dumps) | st.integers(99, 102).map(lambda n: json.dumps(["BTC_CAD"] * n))
right = {
    "event": st.sampled_from(EVENTS).map(json.dumps),
    "channel": st.sampled_from(CHANNELS).map(json.dumps),
    "symbols": symbols,
    "symbol": names.map(json.dumps),
    "interval": st.sampled_from(list(INTERVAL_MS)).map(json.dumps),
    "limit": st.integers(-1, 501).map(str),
    "before": st.integers(-1, 10**13).map(str),
    "every": st.integers(-1, 301).map(str),
    "timestamp": st.integers().map(str) | any_text.map(json.dumps),
    "id": (st.integers(-(2**63) - 1, 2**63) | st.text(max_size=37) | surrogates).map(json.dumps),
}
others = {name: value for name, value in right.items() if name != "event"}
right_messages = st.fixed_dictionaries({"event": right["event"]}, optional=others)
wrong_somewhere = st.builds(
    lambda message, bad: message | bad,
    right_messages,
    st.dictionaries(st.sampled_from(list(right)), wrong | any_text.map(json.dumps), min_size=1, max_size=2),
)
# Each of the other messages reaches a limit's error too seldom.
beyond_limits = st.fixed_dictionaries(
    {"event": st.just('"history"'), "symbol": st.just('"BTC_CAD"'), "interval": right["interval"]},
    optional={"limit": st.sampled_from(["-1", "0", "501", "9999"]), "id": right["id"]},
) | st.fixed_dictionaries(
    {"event": st.just('"subscribe"'), "channel": right["channel"], "symbols": symbols}, optional={"id": right["id"]}
)


def written(fields: dict[str, str]) -> str:
    return "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in fields.items()) + "}"


@st.composite
def doubled(draw: st.DrawFn) -> str:
    """Draw a message with duplicate keys."""
    pairs = [*draw(wrong_somewhere).items(), *draw(wrong_somewhere).items()]
    return "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in draw(st.permutations(pairs))) + "}"


@st.composite
def padded(draw: st.DrawFn) -> str:
    """Draw a valid message at the limit of length or one byte above it."""
    text = draw(
        st.sampled_from(['{"event":"ping"}', '{"event":"subscribe","channel":"rates_batch","symbols":["BTC_CAD"]}'])
    )
    letter = draw(st.sampled_from([" ", "\n", "\u00e9"]))
    room = MAX_MESSAGE_BYTES - len(text) - (0 if letter.isspace() else len('"x":"",'))
    padding = letter * (room // len(letter.encode()) + draw(st.integers(0, 1)))
    return text + padding if letter.isspace() else text.replace("{", f'{{"x":"{padding}",', 1)


# Each event comes up, however few messages there are.
plain = st.sampled_from(EVENTS).map(lambda event: json.dumps({"event": event, "channel": "rates_batch"}))
messages = st.one_of(
    plain,
    st.text(max_size=80),
    st.binary(max_size=80).map(lambda raw: raw.decode("utf-8", "replace")),
    surrogates,
    wrong,
    st.sampled_from(["{", "[1,2", '{"event":"ping"', '"ping"', "null", "", "{}", '{"event":"ping"}{"event":"ping"}']),
    right_messages.map(written),
    beyond_limits.map(written),
    wrong_somewhere.map(written),
    wrong_somewhere.map(written),
    any_text.map(lambda event: json.dumps({"event": event, "id": 1})),
    doubled(),
    padded(),
)


# --- Answers


def event_of(text: str) -> object:
    """Return the route that API Gateway would take."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return body.get("event") if isinstance(body, dict) else None


@pytest.fixture
def feed(quotes_items: Table, connections_items: Table) -> Callable[[str], list[dict[str, Any]]]:
    """A function that passes a message to its Lambda and returns the frames that come back.

    It admits every message and reads the connection again if it may have changed. Another test counts messages,
    which takes the emulator a minute.
    """
    quotes_table, connections = QuotesTable(quotes_items), ConnectionsTable(connections_items)
    quotes_table.write_snapshot(after(Snapshot(), quotes()), 1)
    quotes_table.take_lease(int(time.time() * 1_000) + 3_600_000)
    quotes_table.write_explanations(explanations())
    connections.add(ID, int(time.time()))
    clients = Clients()
    gateway = clients.gateway_at(10**9, 10**9)
    connection = connections.get(ID)
    subscriptions = Subscriptions(quotes_table, connections, gateway, lambda: None, AGELESS)
    requests = requests_on(quotes_items, gateway, AGELESS)

    def send(text: str) -> list[dict[str, Any]]:
        nonlocal connection
        event = event_of(text)
        act: Act = subscriptions.act if event in SUBSCRIPTION_EVENTS else requests.answer
        clients.received.clear()
        sent = {"requestContext": {"connectionId": ID}, "body": text}
        assert route(sent, gateway, lambda _id, _message: connection, act) == {"statusCode": 200}
        assert clients.closed == []
        if event in SUBSCRIPTION_EVENTS:
            connection = connections.get(ID)
        return clients.frames(ID)

    return send


def test_hostile_messages_get_a_documented_error_or_their_answer(
    feed: Callable[[str], list[dict[str, Any]]], connections_table: ConnectionsTable
) -> None:
    got: Counter[str] = Counter()

    @settings(max_examples=MESSAGES, phases=(Phase.generate, Phase.shrink), suppress_health_check=list(HealthCheck))
    @given(messages)
    def holds(text: str) -> None:
        frames = feed(text)
        for frame in frames:
            check(frame)
        hold(text, frames)
        got[frames[0].get("code") or frames[0]["event"]] += 1

    holds()
    assert got.total() >= MESSAGES
    # Every error and every answer came up.
    assert got.keys() >= {"bad_json", "bad_request", "too_large", "unknown_event", "unknown_channel", "unknown_symbol"}
    assert got.keys() >= {"too_many_symbols", "bad_limit"}
    assert got.keys() >= {"subscribed", "unsubscribed", "subscriptions", "pong", "assets", "snapshot", "history"}
    assert connections_table.get(ID)
