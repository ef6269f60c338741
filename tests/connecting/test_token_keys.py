"""Two keys are valid, each under a name of its own, and strangers cannot make a function read them often."""

from shared.connecting.secret_pair import READ_AGAIN_AFTER_S, READ_EVERY_S
from shared.connecting.token_keys import TokenKeys, kid_of
from tests.tokens import KEY, OLD_KEY, OTHER_KEY, Pair


def test_both_keys_are_found_and_no_other() -> None:
    keys = TokenKeys(Pair())
    assert [keys.key(kid_of(key)) for key in (KEY, OLD_KEY, OTHER_KEY)] == [KEY, OLD_KEY, None]
    assert [keys.key(kid) for kid in ("", KEY, kid_of(KEY).upper(), f"{kid_of(KEY)} ")] == [None] * 4


def test_an_unknown_kid_asks_again_after_a_pause() -> None:
    pair = Pair()
    keys = TokenKeys(pair)
    assert keys.key(kid_of(KEY))
    assert pair.asked_s == [READ_EVERY_S]
    assert keys.key("unknown") is None
    assert pair.asked_s == [READ_EVERY_S, READ_EVERY_S, READ_AGAIN_AFTER_S]


def test_a_kid_shows_little_of_its_key() -> None:
    assert len(kid_of(KEY)) == 16
    assert kid_of(KEY) != kid_of(OLD_KEY)
    assert KEY[:4] not in kid_of(KEY)
