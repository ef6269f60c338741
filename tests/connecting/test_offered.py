"""A token comes as a subprotocol or in the query, and the answer never holds it."""

from typing import Any

import pytest

from shared.connecting.offered import subprotocol_for, tokens_in

HEADER = "Sec-WebSocket-Protocol"
TAKEN = {HEADER: "cadfeed"}


def handshake(*offered: str, name: str = HEADER, asked: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return what a handshake with these headers and tokens in its query leaves in an event."""
    event: dict[str, Any] = {"multiValueHeaders": {"Host": ["feed"]}, "multiValueQueryStringParameters": None}
    if offered:
        event["multiValueHeaders"][name] = list(offered)
    if asked:
        event["multiValueQueryStringParameters"] = {"token": list(asked), "other": ["x"]}
    return event


@pytest.mark.parametrize("offered", [("cadfeed, cadfeed.token.a.b.c",), ("cadfeed", "cadfeed.token.a.b.c")])
@pytest.mark.parametrize("name", [HEADER, HEADER.lower()])
def test_a_subprotocol_brings_a_token(offered: tuple[str, ...], name: str) -> None:
    event = handshake(*offered, name=name)
    assert tokens_in(event) == {"a.b.c"}
    assert subprotocol_for(event) == TAKEN


def test_the_query_brings_a_token() -> None:
    event = handshake(asked=("a.b.c",))
    assert tokens_in(event) == {"a.b.c"}
    assert subprotocol_for(event) == {}


@pytest.mark.parametrize("offered", ["cadfeed.token.a.b.c", "mqtt, cadfeed.token.a.b.c", "cadfeedy", "CADFEED", ""])
def test_only_the_feeds_own_subprotocol_is_taken(offered: str) -> None:
    assert subprotocol_for(handshake(offered)) == {}


@pytest.mark.parametrize(
    "event", [{}, handshake(), handshake("cadfeed"), handshake("cadfeed.token."), handshake(asked=("",))]
)
def test_an_empty_text_does_not_count(event: dict[str, Any]) -> None:
    assert tokens_in(event) == set()


def test_the_same_token_twice_is_one_and_others_are_more() -> None:
    assert tokens_in(handshake("cadfeed.token.a.b.c", asked=("a.b.c",))) == {"a.b.c"}
    assert tokens_in(handshake("cadfeed.token.a.b.c", asked=("d.e.f", "g"))) == {"a.b.c", "d.e.f", "g"}
