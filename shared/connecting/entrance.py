"""Judges the event of `$connect`: the way that the handshake came, its page, and its viewer.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-keys-connect-disconnect.html
"""

from collections.abc import Collection, Mapping
from typing import Any

from shared.connecting import headers
from shared.connecting.secret_pair import SecretPair
from shared.model.refused import Refused
from shared.model.viewer import Viewer, viewer_of


class Entrance:
    """`secret`: what the edge sends, `None` if no edge stands before the API. `direct`: the API's own address is open
    as well. `allowed_origins`: of the pages that may connect; empty for all."""

    def __init__(self, secret: SecretPair | None, *, direct: bool, allowed_origins: Collection[str] = ()) -> None:
        self._secret = secret
        self._direct = direct
        self._allowed_origins = allowed_origins

    def viewer(self, event: Mapping[str, Any]) -> Viewer:
        """The viewer who connects.

        Behind the edge it is the address that the edge states, else the address that API Gateway sees. What a client
        writes into a header counts in neither case.

        Raises:
            Refused: the handshake came round the edge, or from a page that may not connect.
            ClientError, BotoCoreError: the secret could not be read.
        """
        given = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        through_edge = self._secret is not None and self._secret.has(given.get(headers.PROOF, ""))
        if not through_edge and self._secret is not None and not self._direct:
            raise Refused(403, "not through the edge")
        self._check_origin(given, through_edge)
        address = given.get(headers.VIEWER, "") if through_edge else event["requestContext"]["identity"]["sourceIp"]
        try:
            return viewer_of(address)
        except ValueError:
            raise Refused(400, "no address of a viewer") from None

    def _check_origin(self, given: Mapping[str, str], through_edge: bool) -> None:
        """A browser states the page's origin and lets no page change it. A program may state any, so a handshake
        without one passes: to refuse it would keep nobody out. The feed's own page always passes.

        https://datatracker.ietf.org/doc/html/rfc6455#section-10.2
        """
        origin = given.get("origin", "")
        if not origin or not self._allowed_origins or origin.lower() in self._allowed_origins:
            return
        if through_edge and origin.lower() == f"https://{given.get(headers.HOST, '')}".lower():
            return
        raise Refused(403, "a page of another origin")
