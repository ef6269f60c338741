"""Candidate: the HTTP client of the AWS Common Runtime, driven by its callbacks."""

import threading
from collections.abc import Iterator
from io import BytesIO
from urllib.parse import urlsplit

from awscrt import http, io

from tools.bench.clients import Post
from tools.bench.clients.signed import Signed
from tools.bench.workload import FRAME


def make(url: str, ca: str, in_flight: int) -> Post:
    signed = Signed(url)
    address = urlsplit(url)
    group = io.EventLoopGroup(1)
    bootstrap = io.ClientBootstrap(group, io.DefaultHostResolver(group))
    options = io.TlsContextOptions()
    options.override_default_trust_store_from_path(ca_filepath=ca)
    tls = io.ClientTlsContext(options).new_connection_options()
    tls.set_server_name(str(address.hostname))
    connections: list[http.HttpClientConnection] = []

    def connect() -> None:
        opening = [
            http.HttpClientConnection.new(address.hostname, address.port, bootstrap, io.SocketOptions(), tls)
            for _ in range(in_flight)
        ]
        connections.extend(future.result() for future in opening)

    def post(ids: Iterator[str]) -> int:
        if not connections:
            connect()
        batch = _Batch(ids, signed, len(connections))
        for connection in connections:
            batch.post_next(connection)
        batch.ended.wait()
        return batch.delivered

    return post


class _Batch:
    """A batch in which each connection takes the next id after its answer."""

    def __init__(self, ids: Iterator[str], signed: Signed, busy: int) -> None:
        self._ids = ids
        self._signed = signed
        self._lock = threading.Lock()
        self._busy = busy
        self.delivered = 0
        self.ended = threading.Event()

    def post_next(self, connection: http.HttpClientConnection) -> None:
        with self._lock:
            connection_id = next(self._ids, None)
            if connection_id is None:
                self._busy -= 1
                if not self._busy:
                    self.ended.set()
                return
        url, headers = self._signed.post(connection_id)
        address = urlsplit(url)
        fields = [("Host", address.netloc), ("Content-Length", str(len(FRAME))), *headers.items()]
        request = http.HttpRequest("POST", address.path, http.HttpHeaders(fields), BytesIO(FRAME))
        stream = connection.request(request)
        stream.completion_future.add_done_callback(lambda done: self._answered(connection, done.result()))
        stream.activate()

    def _answered(self, connection: http.HttpClientConnection, status: int) -> None:
        with self._lock:
            self.delivered += status == 200
        self.post_next(connection)
