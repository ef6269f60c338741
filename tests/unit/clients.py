"""The far ends of the connections: `@connections` as a stub and over HTTP; moto's takes any ID and is never Gone."""

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Self, cast

from botocore.exceptions import ClientError, ReadTimeoutError

from shared.gateway import Gateway
from shared.wire import loads

if TYPE_CHECKING:
    from mypy_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient

Refusal = Callable[[str], Exception]
ERROR_TYPES = {403: "ForbiddenException", 410: "GoneException", 429: "LimitExceededException"}


class GoneException(ClientError):
    """What botocore makes of a 410."""


class _Exceptions:
    GoneException = GoneException


def gone(_connection_id: str) -> Exception:
    return GoneException({"Error": {"Code": "GoneException"}}, "PostToConnection")


def throttled(_connection_id: str) -> Exception:
    return ClientError({"Error": {"Code": "LimitExceededException"}}, "PostToConnection")


def silent(connection_id: str) -> Exception:
    return ReadTimeoutError(endpoint_url=f"https://example.com/@connections/{connection_id}")


class Clients:
    """Remembers what each connection received. `refusals` says, by connection, what a post to it ends in.

    `on_post` is called with each frame that arrives, to let something happen in the middle of a conversation.
    """

    exceptions = _Exceptions

    def __init__(self) -> None:
        self.received: dict[str, list[bytes]] = defaultdict(list)
        self.refusals: dict[str, Refusal] = {}
        self.on_post: Callable[[dict[str, Any]], None] = lambda _frame: None
        self.posts = 0
        self._lock = Lock()

    def post_to_connection(self, *, ConnectionId: str, Data: bytes) -> None:  # noqa: N803 - as in boto3
        with self._lock:
            self.posts += 1
        if refusal := self.refusals.get(ConnectionId):
            raise refusal(ConnectionId)
        with self._lock:
            self.received[ConnectionId].append(Data)
        self.on_post(loads(Data))

    @property
    def gateway(self) -> Gateway:
        return Gateway(cast("ApiGatewayManagementApiClient", self))

    def frames(self, connection_id: str) -> list[dict[str, Any]]:
        return [loads(frame) for frame in self.received[connection_id]]

    def events(self, connection_id: str) -> list[str]:
        return [frame["event"] for frame in self.frames(connection_id)]


def spots(frame: dict[str, Any]) -> dict[str, Decimal]:
    """Symbol and spot price of each quote in a batch frame."""
    return {row["symbol"]: row["spot"] for row in frame["data"]}


class ConnectionsServer:
    """`@connections` over HTTP, to see what goes out on the wire: paths as sent, frames by path.

    `statuses` says, by path, with what a post to it is answered, 200 unless told.
    """

    def __init__(self) -> None:
        self.posts: list[tuple[str, bytes]] = []
        self.statuses: dict[str, int] = {}
        self._lock = Lock()
        handler = self._handler()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = Thread(target=self._http.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/live"

    def frames(self) -> list[dict[str, Any]]:
        return [loads(frame) for _, frame in self.posts]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with server._lock:
                    server.posts.append((self.path, body))
                status = server.statuses.get(self.path, 200)
                self.send_response(status)
                self.send_header("x-amzn-ErrorType", ERROR_TYPES.get(status, "InternalServerError"))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in its base
                pass

        return Handler
