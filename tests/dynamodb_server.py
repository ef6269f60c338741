"""moto's DynamoDB for other processes: a server on this machine that passes their requests on, one at a time."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

import requests

REGION = "ca-central-1"
MOTO = f"https://dynamodb.{REGION}.amazonaws.com/"  # requests are answered in this process while moto is on


class DynamoDBServer:
    """Records the snapshots that were written: when, by which epoch, with which `seq`."""

    def __init__(self) -> None:
        self.written: list[tuple[float, int, int]] = []
        self._one_at_a_time = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, body: bytes, headers: dict[str, str]) -> requests.Response:
        with self._one_at_a_time:
            answer = requests.post(MOTO, data=body, headers=headers, timeout=10)
            if answer.ok and headers["X-Amz-Target"].endswith(".PutItem"):
                item = json.loads(body)["Item"]
                if item["pk"]["S"] == "SNAPSHOT":
                    self.written.append((time.monotonic(), int(item["epoch"]["N"]), int(item["seq"]["N"])))
            return answer

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                passed_on = {
                    name: self.headers[name] for name in ("X-Amz-Target", "Content-Type", "Authorization", "X-Amz-Date")
                }
                answer = server._answer(body, passed_on)
                self.send_response(answer.status_code)
                self.send_header("Content-Type", "application/x-amz-json-1.0")
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in its base
                pass

        return Handler
