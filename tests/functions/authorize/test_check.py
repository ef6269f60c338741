"""A token is checked as a whole: with a changed bit, or signed otherwise, it lets nobody in."""

import base64
import json
import time
import warnings
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.authorize.check import TokenCheck
from shared.connecting.token_keys import kid_of
from shared.model.refused import Refused
from tests.tokens import FEED, KEY, OLD_KEY, OTHER_KEY, claims, keys, token

CHECK = TokenCheck(keys(), FEED)


def refusal(*tokens: str) -> str:
    with pytest.raises(Refused) as refused:
        CHECK.grant(set(tokens), int(time.time()))
    assert refused.value.status == 403
    assert not any(each in str(refused.value) for each in tokens if len(each) > 8)
    return str(refused.value)


def written(value: object) -> str:
    """Return a part of a token."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize("key", [KEY, OLD_KEY])
def test_tokens_of_both_keys_get_in(key: str) -> None:
    grant = CHECK.grant({token(key, channels=["rates_batch"], max_connections=2)}, int(time.time()))
    assert (grant.subject, grant.channels, grant.max_connections) == ("alice", ("rates_batch",), 2)


def test_there_is_exactly_one_token() -> None:
    assert refusal() == "no token"
    assert refusal(token(), token(sub="bob")) == "more than one token"


def test_another_key_does_not_sign() -> None:
    """Neither under its own name nor under that of a valid key."""
    assert refusal(token(OTHER_KEY)) == "the token has the kid of no valid key"
    assert refusal(token(OTHER_KEY, kid=kid_of(KEY))) == "the token's signature is wrong"
    assert refusal(token(KEY, kid=kid_of(OLD_KEY))) == "the token's signature is wrong"


@pytest.mark.parametrize("algorithm", ["none", "None", "nOnE", "HS384", "HS512", "RS256", "", None, 5])
def test_no_other_algorithm_counts(algorithm: object) -> None:
    header = written({"alg": algorithm, "typ": "JWT", "kid": kid_of(KEY)})
    signature = token().rpartition(".")[2]
    for end in ("", signature):
        assert refusal(f"{header}.{written(claims())}.{end}") in {"the token has another algorithm", "not a token"}


def test_a_right_signature_of_another_algorithm_does_not_count() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the key is shorter than that algorithm asks for
        assert refusal(token(algorithm="HS512")) == "the token has another algorithm"


@pytest.mark.parametrize("kid", [None, 5, ["a"], ""])
def test_a_token_names_its_key(kid: object) -> None:
    header = {"alg": "HS256"} if kid is None else {"alg": "HS256", "kid": kid}
    signed = token().rpartition(".")[2]
    assert refusal(f"{written(header)}.{written(claims())}.{signed}") in {
        "the token has the kid of no valid key",
        "not a token",
    }


def test_a_changed_claim_breaks_the_signature() -> None:
    header, _, signature = token().split(".")
    assert refusal(f"{header}.{written(claims(sub='mallory'))}.{signature}") == "the token's signature is wrong"


@pytest.mark.parametrize("name", ["sub", "iat", "nbf", "exp", "iss", "aud"])
def test_a_missing_claim_is_named(name: str) -> None:
    without: dict[str, Any] = {name: None}
    assert refusal(token(**without)) == f"the token has no {name}"


@pytest.mark.parametrize("changed", [{"aud": "Other"}, {"aud": ["Other"]}, {"iss": "somebody"}])
def test_a_token_is_for_this_feed(changed: dict[str, Any]) -> None:
    assert refusal(token(**changed)) == "the token is for something else"


def test_the_times_count() -> None:
    now_s = int(time.time())
    assert refusal(token(exp=now_s - 1)) == "the token has expired"
    assert refusal(token(nbf=now_s + 60)) == refusal(token(iat=now_s + 60)) == "the token is from the future"


@pytest.mark.parametrize(
    "text",
    [
        "a", "a.b", "a.b.c", "..", "....", "é.é.é", "\ud800.a.b", f"{token()}.", f"{token()}.x", "null.null.null",
        f"{written(5)}.{written(5)}.a", f"{written([])}.{written({})}.a", f"{written('x' * 9_000)}.a.b",
    ],
)  # fmt: skip
def test_a_text_of_another_shape_is_refused(text: str) -> None:
    assert refusal(text) == "not a token"


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_json_too_deep_for_the_parser_is_refused(opening: str) -> None:
    deep = base64.urlsafe_b64encode((opening * 100_000).encode()).decode().rstrip("=")
    assert refusal(f"{deep}.{deep}.{deep}") == "not a token"


@given(st.text(st.sampled_from('eyJ0.-_=A{}"é'), max_size=60))
def test_any_text_is_refused_and_raises_nothing_else(text: str) -> None:
    assert refusal(text)


@given(st.integers(0, len(token()) - 1), st.sampled_from("AaZz09-_.=é"))
def test_a_token_with_one_character_changed_is_refused(position: int, other: str) -> None:
    good = token()
    changed = good[:position] + other + good[position + 1 :]
    try:
        same = jwt.decode(changed, KEY, ["HS256"], audience=FEED)
    except (jwt.PyJWTError, UnicodeEncodeError):
        assert refusal(changed)
    else:
        # The last character of a part has bits that do not count.
        assert same == jwt.decode(good, KEY, ["HS256"], audience=FEED)
