"""The claims of a token become a grant, or are refused; the grant passes through API Gateway unchanged."""

from typing import Any

import pytest

from shared.connecting.grant import AHEAD_S, LONGEST_S, MOST_CONNECTIONS, Grant, grant_in, grant_of
from shared.model.refused import Refused

NOW_S = 1_800_000_000
GOOD = {"sub": "alice", "iat": NOW_S, "nbf": NOW_S, "exp": NOW_S + 600}


def refusal(**changed: Any) -> str:
    with pytest.raises(Refused) as refused:
        grant_of(GOOD | changed, NOW_S)
    assert refused.value.status == 403
    return str(refused.value)


def passed_on(grant: Grant) -> Grant | None:
    """Hand a grant over as API Gateway may: every value as a text."""
    context = {name: str(value) for name, value in grant.as_context().items()}
    return grant_in({"requestContext": {"authorizer": {**context, "principalId": grant.subject}}})


@pytest.mark.parametrize(
    ("more", "channels", "connections"),
    [
        ({}, None, 0),
        ({"channels": ["rates_batch"], "max_connections": 3}, ("rates_batch",), 3),
        ({"channels": ["rates_batch", "rates", "rates"]}, ("rates", "rates_batch"), 0),
        ({"channels": None, "max_connections": MOST_CONNECTIONS}, None, MOST_CONNECTIONS),
    ],
)
def test_claims_become_a_grant(more: dict[str, Any], channels: tuple[str, ...] | None, connections: int) -> None:
    grant = grant_of(GOOD | more, NOW_S)
    assert grant == Grant("alice", NOW_S + 600, channels, connections)
    assert passed_on(grant) == grant


def test_the_context_holds_texts_and_numbers_only() -> None:
    context = grant_of(GOOD | {"channels": ["rates"], "max_connections": 2}, NOW_S).as_context()
    assert {type(value) for value in context.values()} == {str, int}


def test_without_an_authorizer_there_is_no_grant() -> None:
    assert grant_in({"requestContext": {}}) is None
    assert grant_in({"requestContext": {"authorizer": {}}}) is None


@pytest.mark.parametrize("exp", [NOW_S, NOW_S - 1, 0, -1])
def test_a_token_ends_to_the_second(exp: int) -> None:
    assert refusal(exp=exp) == "the token has expired"


def test_the_last_second_of_a_token_counts() -> None:
    assert grant_of(GOOD | {"exp": NOW_S + 1}, NOW_S).expires_s == NOW_S + 1


@pytest.mark.parametrize("name", ["iat", "nbf"])
def test_the_clock_of_the_signer_may_be_a_little_ahead(name: str) -> None:
    assert grant_of(GOOD | {name: NOW_S + AHEAD_S}, NOW_S)
    assert refusal(**{name: NOW_S + AHEAD_S + 1}) == "the token is from the future"


def test_a_token_is_short_lived() -> None:
    assert grant_of(GOOD | {"exp": NOW_S + LONGEST_S}, NOW_S)
    assert refusal(exp=NOW_S + LONGEST_S + 1) == "the token lives too long"
    assert refusal(iat=0, nbf=0) == "the token lives too long"


@pytest.mark.parametrize("name", ["iat", "nbf", "exp"])
@pytest.mark.parametrize("value", [None, "1800000600", True, 1.5, float("nan"), float("inf"), [], {}])
def test_a_time_is_a_whole_number(name: str, value: object) -> None:
    assert refusal(**{name: value}) == f"the token's {name} is not a whole number of seconds"


@pytest.mark.parametrize("sub", [None, "", 7, "a b", "a#b", "a/b", "é", "x" * 129, "a\n", ["a"]])
def test_a_subject_is_a_plain_name(sub: object) -> None:
    assert refusal(sub=sub) == "the token's sub is not a name"


@pytest.mark.parametrize("channels", [[], "rates", ["rates", "trades"], [None], {"rates": 1}, 0, [["rates"]]])
def test_channels_are_those_of_the_feed(channels: object) -> None:
    assert refusal(channels=channels) == "the token's channels are not a list of channels"


@pytest.mark.parametrize("most", [0, -1, MOST_CONNECTIONS + 1, True, "3", 1.0, [3]])
def test_connections_are_a_number(most: object) -> None:
    assert refusal(max_connections=most) == "the token's max_connections is not a number of connections"
