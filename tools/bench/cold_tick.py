"""How long the first tick of a new ingest takes under a seventh of a core.

The ingest starts from its bundle with a whole core, as in a Lambda. Then it gets the quota, and its handler runs until
the first snapshot is written. The exchanges and DynamoDB answer over TLS from other processes; Binance's and Kraken's
first answers are as long as the real ones.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from threading import Event, Thread
from typing import Any, TypedDict

import certifi
from aiohttp import ClientSession, web

from shared.model.wire import dumps, loads
from shared.sources import binance, kraken
from shared.sources.all_sources import SOURCES
from tools.bench.cpu_quota import NoQuota, Quota, quota
from tools.bench.emulator import create_table, database_at, running_emulator
from tools.bench.report import Report, rounded
from tools.bench.workload import environment
from tools.local import certificates
from tools.simulator.server import exchange_in_thread
from tools.simulator.simulated import SimulatedMarket

SHARE = 1 / 7  # of 256 MB; 512 MB have twice as much
GOAL_MS = 1_000
TICK_S = 5
TIMEOUT_S = 120
TABLE = "quotes"
WHOLE_BYTES = {binance.PATH: 1_500_000, kraken.PATH: 500_000}
LAMBDA = {"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand"}

CHILD = """
import json, os, sys, time
sys.path[:0] = {paths!r}
began = time.perf_counter()
from functions.ingest import handler as ingest
init_ms = (time.perf_counter() - began) * 1000
print("ready", flush=True)
sys.stdin.readline()

class Context:
    function_name, memory_limit_in_mb, invoked_function_arn, aws_request_id = "bench", 512, "bench", "bench"
    def get_remaining_time_in_millis(self):
        return 90_000

class Done(BaseException):
    pass

def report(tick):
    ms, cpu_ms = (time.perf_counter() - began) * 1000, (time.process_time() - cpu_began) * 1000
    print(json.dumps(dict(init_ms=init_ms, tick_ms=ms, cpu_ms=cpu_ms, poll_ms=tick.poll_ms, written=tick.written,
                          errors=tick.errors)), flush=True)
    raise Done

ingest.report = report
began, cpu_began = time.perf_counter(), time.process_time()
try:
    ingest.handler({{}}, Context())
except Done:
    pass
os._exit(0)
"""


class Tick(TypedDict):
    """A first tick: milliseconds of the start, from the handler's first line to the write, of the processor and of the
    sources; whether it was written; the sources' errors."""

    init_ms: float
    tick_ms: float
    cpu_ms: float
    poll_ms: float
    written: bool
    errors: dict[str, str]


class NoTick(Exception):
    """A first tick failed; the text says how."""


def measure(
    folder: Path, paths: list[str], settings: dict[str, str], rounds: int, state: Path
) -> tuple[dict[str, list[Tick]], str]:
    """Return the first ticks of each round, with a whole core and with the quota, and what the quota was.

    Raises:
        CannotStart: the emulator did not start.
        NoTick: a tick failed.
    """
    found: dict[str, list[Tick]] = {"a whole core": [], "a seventh of a core": []}
    with ExitStack() as block:
        try:
            limit: Quota | None = block.enter_context(quota(SHARE))
            kind = limit.kind if limit else ""
        except NoQuota as error:
            limit, kind = None, f"none, because {error}"
        emulator = block.enter_context(running_emulator(state, lambda _text: None))
        urls = block.enter_context(fronts(state, emulator))
        quotes = create_table(database_at(emulator), TABLE)
        quotes.put_item(Item={"pk": "AUDIENCE", "sk": "COUNT", "connections": 1, "ts_ms": 0})
        variables = _variables(state, urls, settings)
        for number in range(-1, rounds):
            for share, ticks in found.items():
                tick = _run(folder, paths, variables, limit if share != "a whole core" else None)
                if number >= 0:
                    ticks.append(tick)
    return found, kind


def table(found: dict[str, list[Tick]], kind: str) -> Report:
    """Return the medians. Without a quota, the processor time says how long a seventh of a core takes at least."""
    report = Report(
        "First tick of a new ingest", ["processor", "start, ms", "first tick, ms", "slowest", "sources", "CPU ms"]
    )
    for share, ticks in found.items():
        held = kind.startswith("cgroup") or share == "a whole core"
        ms = [tick["tick_ms"] if held else max(tick["tick_ms"], tick["cpu_ms"] / SHARE) for tick in ticks]
        report.rows.append(
            [
                share,
                rounded(median(tick["init_ms"] for tick in ticks)),
                rounded(median(ms)),
                rounded(max(ms)),
                rounded(median(tick["poll_ms"] for tick in ticks)),
                rounded(median(tick["cpu_ms"] for tick in ticks)),
            ]
        )
    report.notes = [
        f"Medians of {len(ticks)} rounds, a new process each. The start has a whole core, as in a Lambda.",
        f"Limit of processor time: {kind}.",
    ]
    return report


@contextmanager
def fronts(state: Path, emulator: str) -> Iterator[dict[str, str]]:
    """Yield the addresses of the exchanges and of DynamoDB, both over TLS."""
    context = certificates.server_context(certificates.ensure(state))
    ready, ended, urls = Event(), Event(), dict[str, str]()

    async def serve(exchange: str) -> None:
        async with ClientSession(auto_decompress=False) as session:
            runners = []
            for name, answer in (("sources", _source(session, exchange)), ("dynamodb", _dynamodb(session, emulator))):
                app = web.Application(client_max_size=2**24)
                app.router.add_route("*", "/{path:.*}", answer)
                runners.append(web.AppRunner(app, access_log=None))
                await runners[-1].setup()
                await web.TCPSite(runners[-1], "127.0.0.1", 0, ssl_context=context).start()
                urls[name] = f"https://localhost:{runners[-1].addresses[0][1]}"
            ready.set()
            while not ended.is_set():  # noqa: ASYNC110 - it is set by another thread
                await asyncio.sleep(0.1)
            for runner in runners:
                await runner.cleanup()

    with exchange_in_thread(SimulatedMarket(seed=1)) as exchange:
        thread = Thread(target=lambda: asyncio.run(serve(exchange.url)))
        thread.start()
        ready.wait()
        try:
            yield urls
        finally:
            ended.set()
            thread.join()


def _source(session: ClientSession, exchange: str) -> Callable[[web.Request], Any]:
    async def answer(request: web.Request) -> web.Response:
        async with session.get(f"{exchange}{request.rel_url}") as passed:
            body, headers = await passed.read(), {"Content-Type": "application/json"}
            if not request.query.keys() & {"symbols", "pair"} and request.path in WHOLE_BYTES:
                body = lengthened(request.path, body)
            return web.Response(status=passed.status, body=body, headers=headers)

    return answer


def lengthened(path: str, body: bytes) -> bytes:
    """Return a listing with as many markets of other names as the exchange has. Those stay the same, because a server
    that makes them each time would take longer than the exchange."""
    if path not in _OTHERS:
        _OTHERS[path] = _others(path, body)
    end = b"]" if path == binance.PATH else b"}}"
    return body.rstrip().removesuffix(end) + b"," + _OTHERS[path] + end


_OTHERS: dict[str, bytes] = {}


def _others(path: str, body: bytes) -> bytes:
    listing = loads(body)
    rows = listing if path == binance.PATH else list(listing["result"].values())
    names = [f"X{number:06}" for number in range(WHOLE_BYTES[path] // (len(body) // len(rows)) - len(rows))]
    if path == binance.PATH:
        made: Any = [{**rows[at % len(rows)], "symbol": name} for at, name in enumerate(names)]
    else:
        made = {name: rows[at % len(rows)] for at, name in enumerate(names)}
    return dumps(made).encode()[1:-1]


def _dynamodb(session: ClientSession, emulator: str) -> Callable[[web.Request], Any]:
    async def answer(request: web.Request) -> web.Response:
        kept = ("Content-Type", "X-Amz-Target", "X-Amz-Date", "Authorization")
        headers = {name: request.headers[name] for name in kept}
        async with session.post(emulator, data=await request.read(), headers=headers) as passed:
            kept_headers = {name: passed.headers[name] for name in ("Content-Type",) if name in passed.headers}
            return web.Response(status=passed.status, body=await passed.read(), headers=kept_headers)

    return answer


def _variables(state: Path, urls: dict[str, str], settings: dict[str, str]) -> dict[str, str]:
    trusted = state / "trusted.pem"  # as many as a Lambda trusts: reading them takes time
    trusted.write_bytes(Path(certifi.where()).read_bytes() + certificates.ensure(state).ca_pem.read_bytes())
    names = [make().name for make in SOURCES]
    variables = environment() | settings | LAMBDA | {f"{name.upper()}_BASE_URL": urls["sources"] for name in names}
    for name in ("PYTHONPATH", "AWS_SESSION_TOKEN"):
        variables.pop(name, None)
    return variables | {
        "QUOTES_TABLE": TABLE,
        "TICK_SECONDS": str(TICK_S),
        "STALE_AFTER_SECONDS": "30",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL_DYNAMODB": urls["dynamodb"],
        "AWS_CA_BUNDLE": str(trusted),
        "REQUESTS_CA_BUNDLE": str(trusted),
    }


def _run(folder: Path, paths: list[str], variables: dict[str, str], limit: Quota | None) -> Tick:
    with subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", CHILD.format(paths=paths)],
        cwd=folder,
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            if not process.stdout or process.stdout.readline() != "ready\n":
                raise NoTick(f"the ingest did not start: {process.communicate()[1][-2000:]}")
            time.sleep(TICK_S - time.time() % TICK_S)  # each tick is made only once
            if limit:
                limit.hold(process.pid)
            out, errors = process.communicate("\n", timeout=TIMEOUT_S)
        except BaseException:
            process.kill()
            raise
    lines = [line for line in out.splitlines() if line.startswith('{"init_ms"')]
    if not lines:
        raise NoTick(f"the ingest wrote no tick: {errors[-2000:]} {out[-500:]}")
    tick: Tick = json.loads(lines[0])
    if tick["errors"] or not tick["written"]:
        raise NoTick(f"sources failed: {tick['errors']}" if tick["errors"] else "the tick was not written")
    return tick
