"""Posts to one client or to many."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import botocore
import botocore.session
from botocore.credentials import Credentials
from botocore.exceptions import NoCredentialsError, NoRegionError

from shared.gateway.batch import Batch
from shared.gateway.closing import closer
from shared.gateway.delivery import Addressed, Delivery, Posts
from shared.gateway.endpoint import endpoint
from shared.gateway.outcomes import Gone, Posted, PostFailed
from shared.gateway.signer import Signer
from shared.gateway.token_bucket import TokenBucket
from shared.gateway.transport import Transport

# 70 % of the account's quota of requests to a Region's WebSocket APIs and their connections:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
RATE = 7_000.0
BURST = 3_500
IN_FLIGHT = 512  # keeps one core busy when a response takes 15 ms; more would only cost handshakes and memory
POST_TIMEOUT_S = 3.0
ANSWER_IN_FLIGHT = 8
ANSWER_DEADLINE_S = 10.0


class Gateway:
    """Posts frames to many connections at a time, the frames of each connection in order. Not thread-safe.

    A post whose response was lost is sent again, so a frame may arrive twice.
    """

    def __init__(
        self,
        posts: Posts,
        signer: Callable[[], Signer],
        bucket: TokenBucket,
        in_flight: int,
        close: Callable[[str], None],
    ) -> None:
        self._posts = posts
        self._signer = signer
        self._bucket = bucket
        self._in_flight = in_flight
        self._close = close

    def close(self, connection_id: str) -> None:
        """End a connection.

        Raises:
            Gone: the connection no longer exists.
            PostFailed: the service did not close it.
        """
        self._close(connection_id)

    def post(self, connection_id: str, frame: bytes) -> None:
        """Post one frame.

        Raises:
            Gone: the connection no longer exists.
            PostFailed: after retries: throttled, refused, too slow, or a fault of the service.
        """
        self.post_unordered(connection_id, (frame,))

    def post_unordered(self, connection_id: str, frames: Sequence[bytes]) -> None:
        """Post frames whose order does not matter, several at a time.

        Raises:
            Gone: the connection no longer exists.
            PostFailed: at least one frame did not arrive, after retries.
        """
        posted = self._run(
            ((connection_id, (frame,)) for frame in frames), ANSWER_DEADLINE_S, min(ANSWER_IN_FLIGHT, self._in_flight)
        )
        if posted.gone:
            raise Gone(connection_id)
        if not posted.complete:
            raise PostFailed(posted.failed.get(connection_id, f"no answer within {ANSWER_DEADLINE_S:.0f} s"))

    def post_all(
        self,
        addressed: Addressed,
        *,
        deadline_s: float,
        on_gone: Callable[[Sequence[str]], None],
        overtaken: Callable[[], bool] = lambda: False,
    ) -> Posted:
        """Post each connection's frames. A connection that is gone or fails does not stop the others.

        The batch ends after `deadline_s` seconds at the latest. `addressed` is read while posts complete, so it may
        have any length; if it raises, the connections read before are still served. `on_gone` gets the IDs of up to 25
        ended connections and blocks the batch, so it must be quick. `overtaken` is called every 250 ms; once it returns
        true, nothing more is sent. The result's `error` is the first exception of the three.

        Raises:
            NoCredentialsError: botocore finds no credentials.
            OSError: the file of trusted certificates cannot be read.
        """
        return self._run(addressed, deadline_s, self._in_flight, on_gone, overtaken)

    def _run(
        self,
        addressed: Addressed,
        deadline_s: float,
        in_flight: int,
        on_gone: Callable[[Sequence[str]], None] = lambda _ids: None,
        overtaken: Callable[[], bool] = lambda: False,
    ) -> Posted:
        return Batch(
            addressed,
            self._posts,
            self._signer(),
            self._bucket,
            deadline_s=deadline_s,
            in_flight=in_flight,
            on_gone=on_gone,
            overtaken=overtaken,
        ).run()


def open_gateway(
    connections_url: str,
    *,
    rate: float = RATE,
    burst: int = BURST,
    in_flight: int = IN_FLIGHT,
    post_timeout_s: float = POST_TIMEOUT_S,
    ca_file: str | None = None,
    credentials: Credentials | None = None,
    region: str | None = None,
) -> Gateway:
    """A gateway to the API whose `@connections` have this address. It connects with the first post.

    Use the address with the API's ID and stage: the `domainName` of an event is wrong behind a custom domain.
    `rate`: posts per second; `burst`: posts at the same time; `in_flight`: the limit of open posts, each on its own
    connection; `post_timeout_s`: for one try. `ca_file`: trusted certificates; the default is `AWS_CA_BUNDLE`, then
    botocore's. Credentials and Region default to botocore's; each batch asks the credentials for their keys.

    Raises:
        NoRegionError: botocore finds no Region. NoCredentialsError comes with the first post.
        ValueError: `rate` or `burst` lets nothing through, or the address is not http or https.
    """
    if credentials is None or region is None:
        session = botocore.session.get_session()
        credentials = credentials or session.get_credentials()
        region = region or session.get_config_variable("region")
    if region is None:
        raise NoRegionError
    place, region_name = endpoint(connections_url), region

    def signer() -> Signer:
        keys = credentials.get_frozen_credentials() if credentials else None
        if not keys or not keys.access_key or not keys.secret_key:
            raise NoCredentialsError
        return Signer(place, region_name, keys.access_key, keys.secret_key, keys.token)

    trusted = ca_file or trusted_certificates()
    transport: Transport[Delivery] = Transport(place, trusted, in_flight, post_timeout_s)
    close = closer(connections_url, trusted, credentials, region)
    return Gateway(transport, signer, TokenBucket(rate, burst), in_flight, close)


def open_answers(connections_url: str, rate: int) -> Gateway:
    """A gateway for the answers to clients' messages, at the pace of the long ones; at that of ticks with a `rate` of
    0. Raises as `open_gateway` does."""
    return open_gateway(connections_url, rate=rate, burst=ANSWER_IN_FLIGHT) if rate else open_gateway(connections_url)


def trusted_certificates() -> str:
    """The file of certificates that botocore would trust."""
    return os.environ.get("AWS_CA_BUNDLE") or str(Path(botocore.__file__).with_name("cacert.pem"))
