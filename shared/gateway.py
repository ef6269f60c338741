"""The one door to clients: posts to the connections of the WebSocket API.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient

THREADS = 16
POST_TIMEOUT_S = 3


class Gone(Exception):
    """The connection has ended; nothing can be posted to it any more."""


class PostFailed(Exception):
    """A post that did not arrive after its retries; the connection may be well, the next frame heals it."""


@dataclass(slots=True)
class Posted:
    """What became of a fan-out: connections that have all their frames, gone ones, failed ones with the reason."""

    reached: int = 0
    frames: int = 0
    gone: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


class Gateway:
    """Posts frames, several connections at a time, the frames of one connection in order."""

    def __init__(self, client: "ApiGatewayManagementApiClient") -> None:
        self._client = client

    def post(self, connection_id: str, frame: bytes) -> None:
        """Post one frame.

        Raises:
            Gone: there is no such connection any more.
            PostFailed: throttled, too slow a client, or a fault of the service, after retries.
        """
        try:
            self._client.post_to_connection(ConnectionId=connection_id, Data=frame)
        except self._client.exceptions.GoneException:
            raise Gone(connection_id) from None
        except (ClientError, BotoCoreError) as error:
            raise PostFailed(str(error)) from error

    def post_unordered(self, connection_id: str, frames: Sequence[bytes]) -> None:
        """Post frames that each stand for themselves, several at a time. Raises: as `post`, for the first failure."""
        if len(frames) == 1:
            self.post(connection_id, frames[0])
            return
        with ThreadPoolExecutor(THREADS, thread_name_prefix="post") as threads:
            for _ in threads.map(lambda frame: self.post(connection_id, frame), frames):
                pass

    def post_all(self, addressed: Iterable[tuple[str, tuple[bytes, ...]]]) -> Posted:
        """Post each connection's frames. A connection that is gone or fails does not stop the others."""
        posted = Posted()
        with ThreadPoolExecutor(THREADS, thread_name_prefix="post") as threads:
            for connection_id, sent, error in threads.map(self._post_in_order, addressed):
                posted.frames += sent
                if error is None:
                    posted.reached += 1
                elif isinstance(error, Gone):
                    posted.gone.append(connection_id)
                else:
                    posted.failed[connection_id] = str(error)
        return posted

    def _post_in_order(self, addressed: tuple[str, tuple[bytes, ...]]) -> tuple[str, int, Gone | PostFailed | None]:
        connection_id, frames = addressed
        for sent, frame in enumerate(frames):
            try:
                self.post(connection_id, frame)
            except (Gone, PostFailed) as error:
                return connection_id, sent, error
        return connection_id, len(frames), None


def connect(connections_url: str) -> Gateway:
    """The gateway of the API whose `@connections` are under this address.

    It is made of the API's id and stage: the `domainName` of an event is wrong behind a custom domain.
    """
    client = boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=connections_url,
        config=Config(
            max_pool_connections=THREADS,
            connect_timeout=POST_TIMEOUT_S,
            read_timeout=POST_TIMEOUT_S,
            retries={"mode": "standard", "total_max_attempts": 3},
        ),
    )
    return Gateway(client)
