"""The clients' end of connections: `@connections` as a stub and over HTTP. moto's accepts any ID and is never Gone."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, Self

from shared.gateway import Gateway
from shared.gateway.delivery import Delivery
from shared.gateway.endpoint import endpoint
from shared.gateway.signer import Signer
from shared.gateway.token_bucket import TokenBucket
from shared.model.wire import loads
from tests import schemas

# The outcome of a post: its HTTP status, or the kind and the text of the failure
Answer = tuple[int, str, str]
Refusal = Callable[[str], Answer]
OK: Answer = (200, "", "")
HOST = "https://a1b2c3d4e5.execute-api.ca-central-1.amazonaws.com/live"


def gone(_connection_id: str) -> Answer:
    return 410, "", ""


def throttled(_connection_id: str) -> Answer:
    return 429, "", ""


def failing(_connection_id: str) -> Answer:
    return 503, "", ""


def silent(_connection_id: str) -> Answer:
    return 0, "timeout", "no answer within 3 s"


class Clients:
    """A stub of the transport. It records what each connection received and checks it against the contract unless
    `valid=False`.

    `refusals` gives the outcome of posts by connection. `on_post` is called with each frame that arrives, so that a
    test can act within a conversation.
    """

    def __init__(self, *, valid: bool = True) -> None:
        self._valid = valid
        self.received: dict[str, list[bytes]] = defaultdict(list)
        self.refusals: dict[str, Refusal] = {}
        self.on_post: Callable[[dict[str, Any]], None] = lambda _frame: None
        self.closed: list[str] = []
        self.posts = 0
        self.most_at_once = 0
        self.idle_s = 0.0
        self.waits_s = 0.0
        self._under_way: list[tuple[Delivery, bytes]] = []

    @property
    def gateway(self) -> Gateway:
        return self.gateway_at(7_000, 3_500)

    def gateway_at(self, rate: float, burst: int, in_flight: int = 512) -> Gateway:
        signer = Signer(endpoint(HOST), "ca-central-1", "AKIDEXAMPLE", "secret", None)
        return Gateway(self, lambda: signer, TokenBucket(rate, burst), in_flight, self.closed.append)

    def __len__(self) -> int:
        return len(self._under_way)

    def connections(self) -> int:
        return 0

    def prepare(self, wait_s: float) -> None:
        pass

    def begin(self, tag: Delivery, request: bytes, *, fresh: bool) -> None:  # noqa: ARG002
        self.posts += 1
        self._under_way.append((tag, request.partition(b"\r\n\r\n")[2]))
        self.most_at_once = max(self.most_at_once, len(self))

    def step(self, wait_s: float) -> Iterator[tuple[Delivery, int, str, str]]:
        self.idle_s += self.waits_s
        if not self._under_way:
            time.sleep(max(0, wait_s))
        ended, self._under_way = self._under_way, []
        for tag, frame in ended:
            refusal = self.refusals.get(tag.connection_id)
            answer = refusal(tag.connection_id) if refusal else OK
            if answer == OK:
                self.received[tag.connection_id].append(frame)
                if self._valid:
                    schemas.check_text(frame)
                self.on_post(loads(frame))
            yield tag, *answer

    def abandon(self) -> list[Delivery]:
        ended, self._under_way = self._under_way, []
        return [tag for tag, _ in ended]

    def frames(self, connection_id: str) -> list[dict[str, Any]]:
        return [loads(frame) for frame in self.received[connection_id]]

    def events(self, connection_id: str) -> list[str]:
        return [frame["event"] for frame in self.frames(connection_id)]


def spots(frame: dict[str, Any]) -> dict[str, Decimal]:
    """Return symbol and spot price of each quote in a batch frame."""
    return {row["symbol"]: row["spot"] for row in frame["data"]}


class ConnectionsServer:
    """`@connections` over HTTP, which records paths as sent and frames by path.

    `statuses` gives the status of posts by path, 200 by default.
    """

    def __init__(self) -> None:
        self.posts: list[tuple[str, bytes]] = []
        self.deleted: list[str] = []
        self.statuses: dict[str, int] = {}
        self._lock = Lock()
        handler = self._handler()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.block_on_close = False  # do not wait for kept connections
        self._thread = Thread(target=self._http.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/live"

    def frames(self) -> list[dict[str, Any]]:
        """Return the posted frames. Raises: Misfit: a frame does not fit the contract."""
        for _, frame in self.posts:
            schemas.check_text(frame)
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
            protocol_version = "HTTP/1.1"  # keep connections open
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with server._lock:
                    server.posts.append((self.path, body))
                self._answer(200)

            def do_DELETE(self) -> None:
                with server._lock:
                    server.deleted.append(self.path)
                self._answer(204)

            def _answer(self, status: int) -> None:
                self.send_response(server.statuses.get(self.path, status))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in its base
                pass

        return Handler
