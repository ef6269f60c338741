"""`make bench-latency`: the time from a tick's write to its arrival at each client, on the local stack, by part."""

import argparse
import asyncio
import contextlib
import json
import re
import ssl
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

import boto3
from rich.console import Console
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from shared.model.channels import RATES_BATCH
from tools.bench.machine import machine
from tools.bench.report import Report, rounded, write
from tools.bench.stack import NotMeasured, Progress, running_stack, shown_progress
from tools.bench.workload import ROOT

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

SERVICES = ("ingest", "publish")
STATE = ROOT / ".local" / "bench-latency"
SIZES = (10, 200)
TICKS = 30
WARM_UP_TICKS = 5
AT_ONCE = 4  # connections opened side by side: each takes an invocation of `connect` and one of `subscribe`
CLOSE_EVERY_S = 0.05
TIMEOUT_S = 60
PERCENTILES = (50, 95, 99)
# A frame begins with channel, event, seq, prev_seq and ts, so a listener reads only its start.
UPDATE = re.compile(r'"event": ?"update", ?"seq": ?(\d+), ?"prev_seq": ?\d+, ?"ts": ?(\d+)')
HEAD = 200
WHOLE = ("write to handler entry", "handler entry to last post", "last post to last arrival")
OURS = "- its processor time"
SUBSCRIBE = json.dumps({"event": "subscribe", "channel": RATES_BATCH})


@dataclass(frozen=True, slots=True)
class Stack:
    """A running local stack: its feed, its CA, and the AWS APIs behind it."""

    feed: str
    tls: ssl.SSLContext
    functions: "LambdaClient"
    logs: Any  # the SDK's client of CloudWatch Logs

    def function(self, service: str) -> dict[str, Any]:
        """Return the configuration of the Lambda that logs under this name."""
        for function in self.functions.list_functions(MaxItems=50)["Functions"]:
            if function["Environment"]["Variables"].get("POWERTOOLS_SERVICE_NAME") == service:
                return dict(function)
        raise NotMeasured(f"the stack has no function {service}")

    def logged(self, service: str) -> Iterator[str]:
        """Return a Lambda's log lines so far.

        https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
        """
        group = self.function(service)["LoggingConfig"]["LogGroup"]
        for page in self.logs.get_paginator("filter_log_events").paginate(logGroupName=group):
            yield from (str(event["message"]) for event in page["events"])


class Listener:
    """A client that records for each `seq` its arrival (`at_ms`) and the snapshot's time (`ts_ms`).

    `answered` is set after the first frame, `updated` after the first tick.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.answered = asyncio.Event()
        self.updated = asyncio.Event()
        self.at_ms: dict[int, int] = {}
        self.ts_ms: dict[int, int] = {}
        self._listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for frame in self.socket:
                now_ms = time.time_ns() // 1_000_000
                self.answered.set()
                if isinstance(frame, str) and (update := UPDATE.search(frame[:HEAD])):
                    self.at_ms.setdefault(int(update[1]), now_ms)
                    self.ts_ms[int(update[1])] = int(update[2])
                    self.updated.set()


@dataclass(frozen=True, slots=True)
class Window:
    """The ticks measured with a number of clients: arrivals and the snapshot's time by `seq`."""

    clients: int
    seqs: range
    arrivals_ms: dict[int, list[int]]
    ts_ms: dict[int, int]


@dataclass(frozen=True, slots=True)
class Handled:
    """What `publish` logs for a tick: its start, its last answer, and the CPU time in between."""

    began_ms: int
    ended_ms: int
    cpu_ms: int


def main() -> int:
    """Return 0, or 1 after printing why it could not be measured."""
    options = _parser().parse_args()
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    try:
        with shown_progress(console) as progress, local_stack(progress) as stack:
            windows = asyncio.run(measure(stack, options.sizes or SIZES, options.ticks, progress))
            progress("reading the stack's log")
            marks = _logged_marks(stack, {seq for window in windows for seq in window.arrivals_ms})
    except NotMeasured as error:
        console.print(str(error), style="red", markup=False)
        return 1
    report = table(windows, *marks)
    conditions = f"{datetime.now(UTC):%Y-%m-%d}, {machine()}, local stack with ticks of 1 s."
    report.show(console)
    console.print(conditions, style="dim", markup=False)
    if options.write:
        write("make bench-latency", f"`make bench-latency`, {conditions}\n\n{report.markdown()}")
    return 0


@contextlib.contextmanager
def local_stack(progress: Progress, state: Path = STATE) -> Iterator[Stack]:
    """Run the stack of `make run` with extra logging.

    Raises:
        NotMeasured: it did not start.
    """
    with running_stack(progress, state) as running:
        session = boto3.Session("test", "test", region_name="us-east-1")
        stack = Stack(
            running["feed"],
            ssl.create_default_context(cafile=running["ca"]),
            session.client("lambda", endpoint_url=running["aws"]),
            session.client("logs", endpoint_url=running["aws"]),
        )
        for service in SERVICES:
            log_all(stack, service)
        yield stack


def log_all(stack: Stack, service: str) -> None:
    """Set a Lambda's log level to DEBUG.

    https://docs.aws.amazon.com/powertools/python/latest/core/logger/
    """
    function = stack.function(service)
    variables = function["Environment"]["Variables"] | {"POWERTOOLS_LOG_LEVEL": "DEBUG"}
    stack.functions.update_function_configuration(
        FunctionName=function["FunctionName"], Environment={"Variables": variables}
    )
    stack.functions.get_waiter("function_updated_v2").wait(FunctionName=function["FunctionName"])


async def measure(stack: Stack, sizes: Sequence[int], ticks: int, progress: Progress) -> list[Window]:
    """Measure that many ticks for each number of clients, smallest first.

    Raises:
        NotMeasured: no ticks arrived.
    """
    listeners: list[Listener] = []
    windows: list[Window] = []
    gate = asyncio.Semaphore(AT_ONCE)

    async def join() -> None:
        async with gate:
            listener = await listen(stack)
            listeners.append(listener)
            await asyncio.wait_for(listener.answered.wait(), TIMEOUT_S)
            progress(f"{len(listeners)} clients")

    try:
        for size in sorted(sizes):
            await asyncio.gather(*(join() for _ in range(size - len(listeners))))
            windows.append(await _window(listeners, ticks, progress))
    except (TimeoutError, OSError, WebSocketException) as error:
        raise NotMeasured(f"no ticks arrived ({error!r}); read the logs in {STATE}") from error
    finally:
        progress("closing the clients so that the ingest stops")
        for each in listeners:  # one by one: each takes an invocation of `disconnect`
            await each.socket.close()
            await asyncio.sleep(CLOSE_EVERY_S)
    return windows


async def listen(stack: Stack) -> Listener:
    """Run one more subscribed client that records frames until it is closed."""
    socket = await connect(stack.feed, ssl=stack.tls, max_size=None, compression=None, open_timeout=TIMEOUT_S)
    await socket.send(SUBSCRIBE)
    return Listener(socket)


async def _window(listeners: Sequence[Listener], ticks: int, progress: Progress) -> Window:
    for each in listeners:
        await asyncio.wait_for(each.updated.wait(), TIMEOUT_S)
    first = max(max(each.at_ms) for each in listeners) + WARM_UP_TICKS
    seqs = range(first, first + ticks)
    deadline = time.monotonic() + TIMEOUT_S + 2 * ticks
    while (last := min(max(each.at_ms) for each in listeners)) <= seqs[-1]:
        if time.monotonic() > deadline:
            raise TimeoutError
        progress(f"{len(listeners)} clients, tick {max(0, last - first + 1)} of {ticks}")
        await asyncio.sleep(1)
    return window_of(listeners, seqs)


def window_of(listeners: Sequence[Listener], seqs: range) -> Window:
    """Return the arrivals of these ticks. Any client gives a tick's time: once a minute a client gets a snapshot
    instead of the update."""
    arrivals = {seq: [each.at_ms[seq] for each in listeners if seq in each.at_ms] for seq in seqs}
    ts_ms = {seq: ts for each in listeners for seq, ts in each.ts_ms.items()}
    return Window(len(listeners), seqs, {seq: at for seq, at in arrivals.items() if at}, ts_ms)


def _logged_marks(stack: Stack, seqs: set[int]) -> tuple[dict[int, int], dict[int, Handled]]:
    """Return the marks of these ticks. The ingest's log is complete once it has stopped for want of listeners."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        priced, handled = marks(line for service in SERVICES for line in stack.logged(service))
        if seqs <= priced.keys() and seqs <= handled.keys():
            return priced, handled
        if time.monotonic() > deadline:
            missing = len(seqs - priced.keys()), len(seqs - handled.keys())
            raise NotMeasured(f"of {len(seqs)} ticks the ingest has not logged {missing[0]}, publish {missing[1]}")
        time.sleep(0.5)


def marks(lines: Iterable[str]) -> tuple[dict[int, int], dict[int, Handled]]:
    """Return by `seq` what the two Lambdas logged: when each snapshot was written, and how it was published."""
    priced: dict[int, int] = {}
    handled: dict[int, Handled] = {}
    for line in lines:
        if not line.startswith('{"level":"DEBUG"'):
            continue
        logged = json.loads(line)
        if logged["message"] == "tick" and logged["written"]:
            priced[logged["seq"]] = logged["priced_ms"]
        elif logged["message"] == "posted":
            handled[logged["seq"]] = Handled(logged["began_ms"], logged["ended_ms"], logged["cpu_ms"])
    return priced, handled


def table(windows: Sequence[Window], priced: dict[int, int], handled: dict[int, Handled]) -> Report:
    """Return the percentiles of each part, side by side for each number of clients."""
    report = Report(
        "From the write of a tick to its arrival, ms",
        ["", *(f"{window.clients} clients p{rank}" for window in windows for rank in PERCENTILES)],
    )
    columns = [parts(window, priced, handled) for window in windows]
    for name in columns[0]:
        report.rows.append([name, *(text for column in columns for text in percentiles(column[name]))])
    for window, column in zip(windows, columns, strict=True):
        arrivals = sum(map(len, window.arrivals_ms.values()))
        joined = len(window.seqs) - len(window.arrivals_ms)
        whole = [sum(each) for each in zip(*(column[name] for name in WHOLE), strict=True)]
        report.notes.append(
            f"{window.clients} clients: {arrivals:,} arrivals of {len(window.arrivals_ms)} ticks"
            + (f", {joined} more arrived with the next one" if joined else "")
            + f". From the write to the last arrival {rounded(median(whole))} ms, our code took "
            f"{rounded(median(column[OURS]))} of them (medians)."
        )
    return report


def parts(window: Window, priced: dict[int, int], handled: dict[int, Handled]) -> dict[str, list[int]]:
    """Return how long each part took in ms: the total per arrival, the others per tick."""
    ticks = [(window.ts_ms[seq] + priced[seq], handled[seq], arrivals) for seq, arrivals in window.arrivals_ms.items()]
    return {
        "write to arrival": [at - wrote for wrote, _, arrivals in ticks for at in arrivals],
        WHOLE[0]: [handling.began_ms - wrote for wrote, handling, _ in ticks],
        WHOLE[1]: [handling.ended_ms - handling.began_ms for _, handling, _ in ticks],
        OURS: [handling.cpu_ms for _, handling, _ in ticks],
        "- the rest: waiting": [handling.ended_ms - handling.began_ms - handling.cpu_ms for _, handling, _ in ticks],
        WHOLE[2]: [max(arrivals) - handling.ended_ms for _, handling, arrivals in ticks],
    }


def percentiles(values: Sequence[int]) -> list[str]:
    cuts = quantiles(values, n=100, method="inclusive")
    return [rounded(cuts[rank - 1]) for rank in PERCENTILES]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.latency", description=__doc__)
    parser.add_argument("--clients", dest="sizes", type=int, action="append", help="number of clients; repeatable")
    parser.add_argument("--ticks", type=int, default=TICKS, help="ticks to measure with each number of clients")
    parser.add_argument("--write", action="store_true", help="put the result into docs/benchmarks.md")
    return parser


if __name__ == "__main__":
    sys.exit(main())
