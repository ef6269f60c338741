"""The way, the page and the viewer's address decide on a handshake, whatever a client writes into its headers."""

from collections.abc import Mapping
from typing import Any

import pytest

from shared.connecting import headers
from shared.connecting.entrance import Entrance
from shared.connecting.secret_pair import SecretPair
from shared.model.refused import Refused
from shared.model.viewer import viewer_of
from tests.lambdas import websocket_event

EDGE = "203.0.113.7"  # the address that API Gateway sees
VIEWER = "198.51.100.23"
THROUGH = {headers.PROOF: "right", headers.VIEWER: VIEWER, headers.HOST: "feed.example"}
SPOOFED = {"X-Forwarded-For": "192.0.2.1", "Forwarded": "for=192.0.2.1", "True-Client-IP": "192.0.2.1"}


class Secret(SecretPair):
    """Has two secrets and asks nobody."""

    def __init__(self) -> None:
        super().__init__("")

    def valid(self, _most_s: float = 0) -> tuple[str, ...]:
        return ("right", "old")


def handshake(**given: str) -> dict[str, Any]:
    return websocket_event("$connect", kind="CONNECT") | {"headers": given}


def refusal(entrance: Entrance, given: Mapping[str, str]) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        entrance.viewer(handshake(**given))
    return refused.value.status, str(refused.value)


@pytest.mark.parametrize("given", [{}, {headers.PROOF: ""}, {headers.PROOF: "wrong"}, {headers.PROOF: "righ"}, SPOOFED])
def test_round_the_edge_nobody_gets_in(given: dict[str, str]) -> None:
    entrance = Entrance(Secret(), direct=False)
    assert refusal(entrance, {**THROUGH, headers.PROOF: "", **given}) == (403, "not through the edge")


@pytest.mark.parametrize("secret", ["right", "old"])
@pytest.mark.parametrize("capitals", [False, True])
def test_through_the_edge_it_states_the_viewer(secret: str, *, capitals: bool) -> None:
    given = {**SPOOFED, **THROUGH, headers.PROOF: secret}
    written = {name.title() if capitals else name: value for name, value in given.items()}
    for direct in (False, True):
        assert Entrance(Secret(), direct=direct).viewer(handshake(**written)) == viewer_of(VIEWER)


def test_a_client_at_the_apis_own_address_cannot_choose_its_own() -> None:
    for entrance in (Entrance(Secret(), direct=True), Entrance(None, direct=False), Entrance(None, direct=True)):
        for given in ({}, SPOOFED, {**THROUGH, headers.PROOF: "wrong"}):
            assert entrance.viewer(handshake(**given)) == viewer_of(EDGE)
    assert Entrance(None, direct=False).viewer(websocket_event("$connect", kind="CONNECT")) == viewer_of(EDGE)


def test_an_edge_that_states_no_address_is_refused() -> None:
    assert refusal(Entrance(Secret(), direct=False), {headers.PROOF: "right"}) == (400, "no address of a viewer")


def test_only_pages_of_allowed_origins_get_in() -> None:
    entrance = Entrance(Secret(), direct=True, allowed_origins=("https://shop.example", "http://localhost:5173"))
    for origin in ("https://shop.example", "HTTPS://Shop.Example", "http://localhost:5173"):
        for given in ({"Origin": origin}, {**THROUGH, "origin": origin}):
            assert entrance.viewer(handshake(**given))
    strangers = (
        "http://shop.example",
        "https://shop.example:444",
        "https://evil.example",
        "null",
        "https://x.feed.example",
    )
    for origin in strangers:
        for given in ({"Origin": origin}, {**THROUGH, "Origin": origin}):
            assert refusal(entrance, given) == (403, "a page of another origin")


def test_the_feeds_own_page_and_programs_need_no_origin() -> None:
    """The page's name counts only if the edge states it."""
    entrance = Entrance(Secret(), direct=True, allowed_origins=("https://shop.example",))
    own = {"Origin": "https://feed.example"}
    assert entrance.viewer(handshake(**THROUGH, **own))
    assert refusal(entrance, {**own, headers.HOST: "feed.example"})[0] == 403
    assert refusal(entrance, {**own, "Host": "feed.example"})[0] == 403
    assert entrance.viewer(handshake())
    assert Entrance(None, direct=False).viewer(handshake(Origin="https://anybody.example"))
