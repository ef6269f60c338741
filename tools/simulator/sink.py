"""The sink: a local stand-in for an API's `@connections` addresses, with a set delay before each answer.

`python -m tools.simulator.sink --port 0 --latency-ms 15 --state FOLDER` prints one line of JSON: `url` (what `connect`
of `shared.gateway` takes), `ca` (the certificate that it is verified with, empty for plain HTTP), `control`.

`POST control/control` takes an object: `down_s` (answer every post with 503 for that long), `latency_ms`, `close_all`
(close the idle connections; the answer says how many), `drop_all` (the same without TLS's close_notify, which the
other side would have to return first). `GET control/counts` counts since the start.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
BACKLOG = 4096
STOP_TIMEOUT_S = 5


@dataclass(frozen=True, slots=True)
class Sink:
    """A running sink. `log` is None if it keeps none."""

    url: str
    ca: str
    control: str
    pid: int = 0
    log: Path | None = None

    def tell(self, **orders: object) -> dict[str, Any]:
        """Control the sink: `down_s`, `latency_ms`, `close_all`, `drop_all`."""
        return self._ask(urllib.request.Request(f"{self.control}/control", json.dumps(orders).encode()))  # noqa: S310

    def counts(self) -> dict[str, Any]:
        """`posts`, `by_status`, `connections`, `accepted`, `most_connections`. The log is complete up to here."""
        return self._ask(urllib.request.Request(f"{self.control}/counts"))  # noqa: S310 - our own address

    @staticmethod
    def _ask(request: urllib.request.Request) -> dict[str, Any]:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - our own address
            answer: dict[str, Any] = json.load(response)
            return answer


@contextmanager
def running(
    state: Path,
    *,
    latency_ms: float = 15,
    plain: bool = False,
    log: Path | None = None,
    logged_bytes: int | None = None,
    core: int | None = None,
) -> Iterator[Sink]:
    """Run a sink in its own process during the block. It also ends with this process.

    Raises:
        RuntimeError: it did not start; the text holds the end of its output.
    """
    state.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "tools.simulator.sink",
        "--attached",
        f"--state={state}",
        f"--latency-ms={latency_ms}",
    ]
    command += ["--plain"] if plain else []
    command += [f"--log={log}"] if log else []
    command += [f"--logged-bytes={logged_bytes}"] if logged_bytes is not None else []
    command += [f"--core={core}"] if core is not None else []
    with (state / "sink.err").open("w+b") as errors:
        process = subprocess.Popen(  # noqa: S603 - our own module
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        )
        assert process.stdin  # noqa: S101
        assert process.stdout  # noqa: S101
        try:
            line = process.stdout.readline()
            if not line:
                process.wait(STOP_TIMEOUT_S)
                errors.seek(0)
                raise RuntimeError(f"the sink did not start:\n{errors.read().decode(errors='replace')}")
            yield Sink(**json.loads(line), pid=process.pid, log=log)
        finally:
            process.stdin.close()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    if options.core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {options.core})
    import uvloop

    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(_serve(options))
    return 0


async def _serve(options: argparse.Namespace) -> None:
    import ssl

    from aiohttp import web

    from tools.local.certificates import ensure, server_context
    from tools.simulator.sink_protocol import LOGGED_BODY, Exchange, SinkProtocol

    loop = asyncio.get_running_loop()
    logged_bytes = LOGGED_BODY if options.logged_bytes is None else options.logged_bytes
    exchange = Exchange(loop, latency_s=options.latency_ms / 1000, log=options.log, logged_bytes=logged_bytes)
    context, ca = None, ""
    if not options.plain:
        certificates = ensure(options.state)
        context, ca = server_context(certificates), str(certificates.ca_pem)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    server = await loop.create_server(
        lambda: SinkProtocol(exchange), "127.0.0.1", options.port, ssl=context, backlog=BACKLOG
    )

    async def order(request: web.Request) -> web.Response:
        orders = await request.json()
        closed = 0
        if "down_s" in orders:
            exchange.down_until = time.monotonic() + float(orders["down_s"])
        if "latency_ms" in orders:
            exchange.set_latency(float(orders["latency_ms"]) / 1000)
        if orders.get("close_all"):
            closed = exchange.close_idle()
        if orders.get("drop_all"):
            closed = exchange.close_idle(close_notify=False)
        return web.json_response({"closed": closed})

    async def counts(_: web.Request) -> web.Response:
        exchange.flush()
        return web.json_response(exchange.counts())

    control = web.Application()
    control.add_routes([web.post("/control", order), web.get("/counts", counts)])
    runner = web.AppRunner(control, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()

    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    if options.attached:
        loop.add_reader(sys.stdin.fileno(), ended.set)
    url = f"{'http' if options.plain else 'https'}://127.0.0.1:{server.sockets[0].getsockname()[1]}/live"
    address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    sys.stdout.write(json.dumps({"url": url, "ca": ca, "control": address}) + "\n")
    sys.stdout.flush()
    await ended.wait()
    exchange.flush()
    server.close()
    for protocol in list(exchange.connections):
        protocol.abort()
    await runner.cleanup()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.simulator.sink", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--latency-ms", type=float, default=15, help="delay before each answer")
    parser.add_argument("--state", type=Path, required=True, help="folder of the certificates")
    parser.add_argument("--plain", action="store_true", help="HTTP instead of TLS 1.3")
    parser.add_argument("--log", type=Path, help="a line per post: ms, outcome, id, the body's first bytes as JSON")
    parser.add_argument("--logged-bytes", type=int, help="bytes to log of each body (default: 64)")
    parser.add_argument("--core", type=int, help="the CPU core to run on")
    parser.add_argument("--attached", action="store_true", help="end when standard input ends")
    return parser


if __name__ == "__main__":
    sys.exit(main())
