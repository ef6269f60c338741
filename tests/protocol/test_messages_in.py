"""Inbound text is a message or is refused with a code for programs."""

import contextlib
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.model.assets import catalogue
from shared.model.wire import loads
from shared.protocol import (
    MAX_MESSAGE_BYTES,
    BadRequest,
    Message,
    Subscription,
    error_frame,
    parse_channel,
    parse_every,
    parse_message,
    parse_subscription,
)
from tests.samples import SYMBOLS, json_values


def code_of(text: str | None) -> tuple[str, object]:
    """Return the code of a refusal and the echoed id."""
    with pytest.raises(BadRequest) as refused:
        parse_subscription(parse_message(text))
    return refused.value.code, refused.value.message_id


def subscribe(**fields: object) -> str:
    return json.dumps({"event": "subscribe", "channel": "rates", **fields})


def test_a_message_is_its_event_its_id_and_the_rest_as_sent() -> None:
    body = {"event": "subscribe", "channel": "rates", "id": 1}
    assert parse_message(json.dumps(body)) == Message("subscribe", 1, body)
    assert parse_message('{"event":"ping"}') == Message("ping", None, {"event": "ping"})


@pytest.mark.parametrize("text", [None, "", "ping", "{", '{"event":NaN}', '{"event":1e99999999999999999999}', "\ud800"])
def test_invalid_json_is_bad_json(text: str | None) -> None:
    assert code_of(text) == ("bad_json", None)


def test_deeply_nested_json_is_refused() -> None:
    assert code_of("[" * MAX_MESSAGE_BYTES) == ("bad_json", None)
    half = MAX_MESSAGE_BYTES // 2
    with pytest.raises(BadRequest):
        parse_message("[" * half + "]" * half)


@pytest.mark.parametrize("text", ["[]", "1", '"ping"', "null", "true"])
def test_json_that_is_not_an_object_is_a_bad_request(text: str) -> None:
    assert code_of(text) == ("bad_request", None)


@pytest.mark.parametrize("event", [None, 1, "", [], {}, True, 1.5])
def test_a_message_without_an_event_is_a_bad_request_with_its_id(event: object) -> None:
    assert code_of(json.dumps({"event": event, "id": "a"})) == ("bad_request", "a")
    assert code_of('{"id":7}') == ("bad_request", 7)


def test_a_message_has_at_most_4096_bytes_not_characters() -> None:
    text = subscribe(id="\u00e9")
    longest = text + " " * (MAX_MESSAGE_BYTES - len(text.encode()))
    assert parse_message(longest).event == "subscribe"
    assert code_of(longest + " ") == ("too_large", None)
    wide = json.dumps({"event": "\u20ac" * 1_360}, ensure_ascii=False)
    assert len(wide.encode()) <= MAX_MESSAGE_BYTES
    assert parse_message(wide)
    assert code_of(wide.replace("\u20ac", "\u20ac\u20ac")) == ("too_large", None)


@pytest.mark.parametrize("message_id", [None, 0, -1, 2**63 - 1, -(2**63), "", "a" * 36, "\u00e9" * 36, "\ud800"])
def test_an_id_is_a_64_bit_number_or_a_text_of_36_characters(message_id: object) -> None:
    assert parse_message(subscribe(id=message_id)).message_id == message_id


@pytest.mark.parametrize("message_id", [True, False, 2**63, -(2**63) - 1, 1.0, "a" * 37, [], {}, [1]])
def test_any_other_id_is_refused_and_not_echoed(message_id: object) -> None:
    assert code_of(subscribe(id=message_id)) == ("bad_request", None)


def test_every_id_that_is_taken_can_be_echoed_as_it_was() -> None:
    for message_id in (0, 2**63 - 1, -(2**63), "a" * 36, "\ud800"):
        assert loads(error_frame("bad_request", "no", message_id).decode())["id"] == message_id


# Channels and symbols


@pytest.mark.parametrize("channel", [None, "", "RATES", "rate", 1, True, [], ["rates"], {}])
def test_a_channel_is_one_of_two_names(channel: object) -> None:
    assert code_of(subscribe(channel=channel, id=1)) == ("unknown_channel", 1)
    assert code_of('{"event":"subscribe"}') == ("unknown_channel", None)
    assert parse_channel(parse_message('{"event":"unsubscribe","channel":"rates_batch"}')) == "rates_batch"


def test_no_symbols_means_all_of_them() -> None:
    assert parse_subscription(parse_message(subscribe())) == Subscription("rates", None)
    assert parse_subscription(parse_message(subscribe(symbols=None))) == Subscription("rates", None)


@pytest.mark.parametrize("symbols", [[], "BTC_CAD", {}, 1, True, [1], ["BTC_CAD", None], [["BTC_CAD"]], [True]])
def test_symbols_are_a_list_of_names(symbols: object) -> None:
    assert code_of(subscribe(symbols=symbols, id=1)) == ("bad_request", 1)


def test_symbols_are_subscribed_once_each_in_the_feeds_order() -> None:
    asked = ["ETH_CAD", "BTC_CAD", "ETH_CAD"]
    assert parse_subscription(parse_message(subscribe(symbols=asked))) == Subscription("rates", ("BTC_CAD", "ETH_CAD"))
    everything = parse_subscription(parse_message(subscribe(symbols=SYMBOLS[::-1])))
    assert everything.view == tuple(SYMBOLS)


def test_valid_symbols_are_subscribed_and_others_rejected_once() -> None:
    asked = ["XYZ_CAD", "BTC_CAD", "btc_cad", "XYZ_CAD", ""]
    subscription = parse_subscription(parse_message(subscribe(symbols=asked)))
    assert subscription == Subscription("rates", ("BTC_CAD",), ("", "XYZ_CAD", "btc_cad"))


def test_a_list_of_unknown_symbols_is_refused() -> None:
    assert code_of(subscribe(symbols=["XYZ_CAD", "BTC"], id=1)) == ("unknown_symbol", 1)


def test_a_message_has_at_most_100_symbols_with_duplicates() -> None:
    assert parse_subscription(parse_message(subscribe(symbols=["BTC_CAD"] * 100))).view == ("BTC_CAD",)
    assert code_of(subscribe(symbols=["BTC_CAD"] * 101, id=1)) == ("too_many_symbols", 1)


@given(text=st.text() | json_values.map(lambda value: json.dumps(value, default=str)))
@example('{"event":"subscribe","channel":"rates","symbols":["\\ud800"],"id":"\\udfff"}')
def test_any_text_is_a_message_or_refused(text: str) -> None:
    with contextlib.suppress(BadRequest):
        message = parse_message(text)
        assert message.event


fields = st.fixed_dictionaries(
    {},
    optional={
        "event": st.just("subscribe") | json_values,
        "channel": st.sampled_from(["rates", "rates_batch"]) | json_values,
        "symbols": st.lists(st.sampled_from(SYMBOLS) | st.text() | json_values, max_size=5) | json_values,
        "id": json_values,
    },
)


@given(fields)
def test_any_fields_are_a_subscription_or_a_sendable_refusal(body: dict[str, object]) -> None:
    refused = None
    try:
        message = parse_message(json.dumps(body, default=str))
        subscription = parse_subscription(message)
    except BadRequest as error:
        refused = error
    if refused:
        assert loads(error_frame(refused.code, str(refused), refused.message_id))["code"] == refused.code
    else:
        assert parse_channel(message) == subscription.channel
        assert subscription.view is None or set(subscription.view) <= set(catalogue())


@pytest.mark.parametrize(("every", "seconds"), [(None, 0), (5, 0), (10, 10), (60, 60), (300, 300)])
def test_every_is_a_number_of_whole_ticks(every: object, seconds: int) -> None:
    assert parse_every(Message("subscribe", None, {"every": every}), 5) == seconds


@pytest.mark.parametrize("every", [0, -5, 4, 7, 305, 10.0, "10", True, [10], 10**30])
def test_another_every_is_refused_with_the_tick(every: object) -> None:
    with pytest.raises(BadRequest, match="multiple of 5 seconds") as refused:
        parse_every(Message("subscribe", 7, {"every": every}), 5)
    assert (refused.value.code, refused.value.message_id) == ("bad_every", 7)


def test_one_second_is_not_true() -> None:
    with pytest.raises(BadRequest):
        parse_every(Message("subscribe", None, {"every": True}), 1)
