"""`make run`: the whole feed on this machine. `python -m tools.local --help` tells its options."""

import argparse
import asyncio
import contextlib
import json
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from tools.local import aws, market
from tools.local.aws import ROOT, RUNNING, CannotStart, Deployed
from tools.local.certificates import Certificates, ensure, trust_instructions
from tools.local.edge import Edge, start_edge
from tools.local.metrics import StackMetrics
from tools.local.origin import OriginSecret
from tools.local.ports import free_port
from tools.local.processes import Processes, StillOwned

PAGE = ROOT / "web" / "dist"
EXPLAINED = """Starts AWS on this machine, deploys the feed into it and serves both under one TLS address.
What stands behind -- goes to the exchange, which then replaces the live sources:
python -m tools.local -- --seed 7"""


@dataclass(frozen=True, slots=True)
class Running:
    """The addresses of a running stack. `exchange` is empty when the live sources are used."""

    dashboard: str
    feed: str
    ca: str
    exchange: str
    aws: str
    stack: str

    def as_json(self) -> str:
        return json.dumps({field: getattr(self, field) for field in self.__slots__})


class LocalStack:
    """Brings the parts up one after the other, and down in the opposite order."""

    def __init__(self, options: argparse.Namespace, console: Console) -> None:
        self._options = options
        self._console = console
        self._state: Path = options.state
        self._state.mkdir(parents=True, exist_ok=True)
        self._processes = Processes(self._state / "processes.json")
        self._edge: Edge | None = None
        self._is_owner = False

    async def start(self) -> Running:
        """Start all parts and print a line for each. Raises: CannotStart."""
        with self._step("looking for what an earlier start left over") as say:
            say(f"ended {ended} programs" if (ended := self._end_left_over()) else "nothing")
            (self._state / RUNNING).unlink(missing_ok=True)
            shutil.rmtree(self._state / "tmp", ignore_errors=True)
        _require_page()
        _require_free(self._options.port, "PORT")
        _require_free(self._options.aws_port, "AWS_PORT")
        with self._step("certificate for localhost") as say:
            certificates = ensure(self._state / "tls")
            say(str(certificates.ca_pem))
        exchange = await self._market()
        with self._step("AWS on this machine (MiniStack, IAM in force)") as say:
            endpoint = await aws.start(self._processes, self._options.aws_port or free_port(), self._state)
            say(endpoint)
        with self._step("deploying the feed with the CDK CLI") as say:
            context = {"tick_seconds": str(self._options.tick)}
            context |= dict(setting.split("=", 1) for setting in self._options.context)
            if exchange:
                context |= market.base_urls(exchange)
            deployed = await aws.deploy(self._processes, endpoint, self._state, context)
            say(deployed.stack)
        return await self._serve(certificates, exchange, deployed)

    async def stop(self) -> None:
        """End everything that was started. The folder of another stack that runs stays as it is."""
        if not self._is_owner:
            return
        if self._edge:
            await self._edge.stop()
        await self._processes.stop()
        (self._state / RUNNING).unlink(missing_ok=True)
        shutil.rmtree(self._state / "tmp", ignore_errors=True)

    async def first_to_end(self) -> str:
        """Wait until a program ends by itself; return its name."""
        return await self._processes.first_to_end()

    def _end_left_over(self) -> int:
        """Raises: CannotStart, when another stack runs on the same folder."""
        try:
            ended = self._processes.end_left_over()
        except StillOwned as error:
            raise CannotStart(
                f"another stack runs with its state in {self._state} (process {error.pid}); stop it, or give this one "
                f"a folder of its own: `make run PORT=0 ARGS='--state {self._state}-2'`"
            ) from error
        self._is_owner = True
        return ended

    async def _market(self) -> str:
        """Return the address of the simulated exchange, or nothing if the live sources answer."""
        arguments = self._options.exchange
        if not arguments and not self._options.simulated:
            with self._step("asking the live sources") as say:
                failures = await asyncio.to_thread(market.unreachable)
                say("they answer" if not failures else "; ".join(f"{name}: {why}" for name, why in failures.items()))
            if not failures:
                return ""
            self._console.print("  no live market from here: the prices will be [bold yellow]SIMULATED[/]")
        with self._step("exchange on this machine") as say:
            address = await market.start_exchange(self._processes, self._state, arguments)
            say(address)
        return address

    async def _serve(self, certificates: Certificates, exchange: str, deployed: Deployed) -> Running:
        with self._step("TLS edge") as say:
            try:
                secret = OriginSecret(deployed.endpoint, deployed.origin_secret)
                self._edge = await start_edge(
                    certificates,
                    deployed.socket_url,
                    self._options.port,
                    PAGE,
                    added=secret.added_to,
                    metrics=stack_metrics(deployed),
                    documents_url=deployed.documents_url,
                )
            except OSError as error:
                raise CannotStart(f"cannot listen on port {self._options.port}: {error.strerror}") from error
            origin = f"localhost:{self._edge.port}"
            say(f"https://{origin}")
        running = Running(
            dashboard=f"https://{origin}/",
            feed=f"wss://{origin}/markets/ws/",
            ca=str(certificates.ca_pem),
            exchange=exchange,
            aws=deployed.endpoint,
            stack=deployed.stack,
        )
        (self._state / RUNNING).write_text(running.as_json(), encoding="utf-8")
        return running

    @contextlib.contextmanager
    def _step(self, what: str) -> Iterator["Say"]:
        """Print a line per step: animated while it lasts, then with its time and outcome."""
        began = time.monotonic()
        say = Say()
        with self._console.status(what):
            yield say
        self._console.print(f"  [green]ok[/] {what}: {say.outcome} [dim]({time.monotonic() - began:.1f} s)[/]")


def stack_metrics(deployed: Deployed) -> Callable[[], str]:
    """What /metrics answers; it asks the emulator with the first request."""
    made: list[StackMetrics] = []

    def text() -> str:
        if not made:
            made.append(StackMetrics(deployed.stack, aws.client_options(deployed.endpoint)))
        return made[0].text()

    return text


class Say:
    """Print what a step found."""

    outcome = "done"

    def __call__(self, outcome: str) -> None:
        self.outcome = outcome


def main() -> int:
    """Return 0 if the user stopped it, 1 if it could not start or a part ended by itself."""
    options = _parser().parse_args()
    if options.trust:
        sys.stdout.write(trust_instructions(ensure(options.state / "tls")))
        return 0
    console = Console(stderr=options.json, highlight=False, soft_wrap=True)
    try:
        return asyncio.run(_run(options, console))
    except CannotStart as error:
        console.print(f"[red]cannot start:[/] {error}", markup=True)
        return 1


async def _run(options: argparse.Namespace, console: Console) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    stack = LocalStack(options, console)
    starting = asyncio.create_task(stack.start())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            return 0
        _announce(starting.result(), options, console)
        return await _until_stopped(stack, stopping, console)
    finally:
        console.print("  stopping", style="dim")
        await stack.stop()


async def _until_stopped(stack: LocalStack, stopping: asyncio.Task[bool], console: Console) -> int:
    ended = asyncio.create_task(stack.first_to_end())
    await asyncio.wait({stopping, ended}, return_when=asyncio.FIRST_COMPLETED)
    if stopping.done():
        ended.cancel()
        return 0
    console.print(f"[red]{ended.result()} ended by itself; its log is in the state folder[/]")
    return 1


def _announce(running: Running, options: argparse.Namespace, console: Console) -> None:
    if options.json:
        sys.stdout.write(running.as_json() + "\n")
        sys.stdout.flush()
        return
    console.print()
    console.print(f"  dashboard  [bold]{running.dashboard}[/]")
    console.print(f"  feed       [bold]{running.feed}[/]")
    if running.exchange:
        console.print(f"  prices     [bold yellow]SIMULATED[/], from {running.exchange}")
    else:
        console.print("  prices     live")
    console.print(f"  trust      SSL_CERT_FILE={running.ca}, or `make trust`")
    console.print(f"  metrics    {running.dashboard}metrics, as Prometheus reads them")
    console.print("  watch      `make watch` in another terminal; Ctrl-C here stops everything")


def _require_page() -> None:
    """Raises: CannotStart, when the page has not been built."""
    if not (PAGE / "index.html").exists():
        raise CannotStart("the page is not built; run `make setup`")


def _require_free(port: int, name: str) -> None:
    """Raises: CannotStart, when something listens on the port already."""
    if not port:
        return
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            hint = f"stop what listens there, or choose another: `make run {name}={port + 1}`"
            raise CannotStart(f"port {port} is taken ({error.strerror}); {hint}") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.local", description=EXPLAINED, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=8000, help="of the dashboard and the feed (default 8000, 0: any)")
    parser.add_argument("--aws-port", type=int, default=0, help="of AWS on this machine (default: any free one)")
    parser.add_argument("--tick", type=int, default=5, help="seconds from one tick to the next (default 5)")
    parser.add_argument("--simulated", action="store_true", help="do not ask the live sources")
    parser.add_argument("--state", type=Path, default=ROOT / ".local", help="where logs and certificates are kept")
    parser.add_argument("--context", action="append", default=[], metavar="NAME=VALUE", help="a deployment setting")
    parser.add_argument("--json", action="store_true", help="print the addresses as one line of JSON on stdout")
    parser.add_argument("--trust", action="store_true", help="make the certificate, tell how to trust it, and end")
    parser.add_argument("exchange", nargs="*", metavar="-- OPTION", help="of python -m tools.simulator")
    return parser


if __name__ == "__main__":
    sys.exit(main())
