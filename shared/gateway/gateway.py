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
IN_FLIGHT = 512  # with answers after 15 ms as many as one core keeps busy; more cost handshakes and memory
POST_TIMEOUT_S = 3.0
ANSWER_IN_FLIGHT = 8
ANSWER_DEADLINE_S = 10.0


class Gateway:
    """Posts frames, many connections at a time, the frames of one connection in order. For one thread at a time.

    A post whose answer was lost is sent again, so a frame may arrive twice.
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
        """End a connection. Raises: Gone, PostFailed."""
        self._close(connection_id)

    def post(self, connection_id: str, frame: bytes) -> None:
        """Post one frame.

        Raises:
            Gone: there is no such connection any more.
            PostFailed: throttled, too slow a client, or a fault of the service, after retries.
        """
        self.post_unordered(connection_id, (frame,))

    def post_unordered(self, connection_id: str, frames: Sequence[bytes]) -> None:
        """Post frames that each stand for themselves, several at a time. Raises: as `post`."""
        posted = self._run(
            ((connection_id, (frame,)) for frame in frames), ANSWER_DEADLINE_S, min(ANSWER_IN_FLIGHT, self._in_flight)
        )
        if posted.gone:
            raise Gone(connection_id)
        if not posted.whole:
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

        The batch ends `deadline_s` seconds from now at the latest, whatever hangs. `addressed` is read as posts
        get done, so it may be of any length. When it raises, those already read are served. `on_gone` gets the IDs of
        connections that have ended, 25 at most, while the others wait: let it be quick. `overtaken` is asked every
        250 ms; once it says so, nothing more is sent. What `addressed`, `on_gone` or `overtaken` raise is in
        the result's `error`.
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


def connect(
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
    """The gateway of the API whose `@connections` are under this address; it speaks to nobody yet.

    The address is made of the API's id and stage: the `domainName` of an event is wrong behind a custom domain.
    `rate` and `burst`: posts a second and at once; `in_flight`: at most, over as many connections; `post_timeout_s`:
    for one try. `ca_file`: the certificates to trust, else those of `AWS_CA_BUNDLE`, else botocore's own. Credentials
    and Region are botocore's unless given; the credentials are asked for their keys anew for each batch.

    Raises:
        NoRegionError: of botocore, when it finds none. NoCredentialsError comes with the first post.
        ValueError: no rate at all, or no such address.
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

    transport: Transport[Delivery] = Transport(place, ca_file or trusted_certificates(), in_flight, post_timeout_s)
    return Gateway(transport, signer, TokenBucket(rate, burst), in_flight, closer(connections_url))


def trusted_certificates() -> str:
    """The file that botocore would check the service's certificate against."""
    return os.environ.get("AWS_CA_BUNDLE") or str(Path(botocore.__file__).with_name("cacert.pem"))
