"""A network between the Lambdas and AWS that can fail: it refuses calls, holds them, loses answers, or sets a trap.

`dynamodb_proxy` stands before DynamoDB, `posts_proxy` before `@connections`.
"""

import asyncio
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

from shared.gateway.token_bucket import TokenBucket
from tests.e2e.local_stack import Stack

EVERY = ""  # operation
HELD_S = 600.0
NOT_PASSED_ON = {"content-length", "transfer-encoding", "connection", "content-encoding"}
PROCESS = re.compile(r"app/pid-(\d+)")  # `injected/sitecustomize.py` puts it there


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to a share of the calls of an operation, such as `PutItem` (`EVERY`: of all).

    `kind`: `error` (500), `throttle`, `held` (no answer), `cut` (the connection is closed), `answer lost` (the call is
    carried out, then the connection is closed).
    """

    kind: str
    operation: str = EVERY
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Call:
    """A call of an operation, or of an HTTP method. `item`: the partition of its item, such as `LEASE`, empty if it has
    none or several. `pid`: the process that makes it, 0 if unknown."""

    operation: str
    item: str
    pid: int


@dataclass
class Trap:
    """Waits for a call, and does something to its process, before the call is passed on or after it was answered.

    `act` is called once, in a thread. `loses`: the call is not passed on, or its answer is lost.
    """

    catches: Callable[[Call], bool]
    act: Callable[[Call], None]
    after: bool = False
    loses: bool = True
    sprung: Event = field(default_factory=Event)


@dataclass
class DynamoDbProxy:
    """Forwards to the emulator. `faults` and `trap` are changed by tests at any time.

    `seen` has the time of each process' last call, `writer` the process that wrote the stored snapshot. Calls above
    the `quota` are throttled. `sent` has the lengths of the bodies of the calls that were passed on.
    """

    upstream: str
    seed: int = 1
    faults: tuple[Fault, ...] = ()
    trap: Trap | None = None
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)  # (operation, "ok" or the kind of fault)
    seen: dict[int, float] = field(default_factory=dict)
    writer: int = 0
    quota: TokenBucket | None = None
    sent: list[int] = field(default_factory=list)
    url: str = ""

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> web.AppRunner:
        self._session = aiohttp.ClientSession(auto_decompress=False)
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self._forward)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    async def stop(self, runner: web.AppRunner) -> None:
        self.faults = ()
        if self._session:
            await self._session.close()
        await runner.cleanup()

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        call = await _call(request)
        self.seen[call.pid] = time.monotonic()
        kind = self._fault_of(call.operation) or self._over_the_quota()
        self.calls[call.operation, kind or "ok"] += 1
        match kind:
            case "error":
                return _refusal(500, "InternalServerError", "a fault of the test")
            case "quota":
                return _refusal(429, "LimitExceededException", "the quota of the test")
            case "throttle":
                return _refusal(400, "ThrottlingException", "a fault of the test")
            case "held":
                await asyncio.sleep(HELD_S)
            case "cut":
                return _cut(request)
        trap = self._trap_for(call)
        if trap and not trap.after:
            await asyncio.to_thread(_spring, trap, call)
            if trap.loses:
                return _cut(request)
        answer = await self._passed_on(request)
        if (call.operation, call.item) == ("PutItem", "SNAPSHOT") and answer.status == 200:
            self.writer = call.pid
        if trap and trap.after:
            await asyncio.to_thread(_spring, trap, call)
            if trap.loses:
                return _cut(request)
        return _cut(request) if kind == "answer lost" else answer

    def _fault_of(self, operation: str) -> str:
        for fault in self.faults:
            if fault.operation in (EVERY, operation) and self._random.random() < fault.share:
                return fault.kind
        return ""

    def _over_the_quota(self) -> str:
        if not self.quota:
            return ""
        if not self.quota.available(time.monotonic()):
            return "quota"
        self.quota.take(1)
        return ""

    def _trap_for(self, call: Call) -> Trap | None:
        """The trap if it catches this call; it is set no longer then."""
        trap = self.trap
        if trap is None or not trap.catches(call):
            return None
        self.trap = None
        return trap

    async def _passed_on(self, request: web.Request) -> web.StreamResponse:
        assert self._session
        self.sent.append(request.content_length or 0)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in NOT_PASSED_ON}
        async with self._session.request(
            request.method, self.upstream + request.path_qs, data=await request.read(), headers=headers
        ) as answer:
            passed = {name: value for name, value in answer.headers.items() if name.lower() not in NOT_PASSED_ON}
            return web.Response(status=answer.status, body=await answer.read(), headers=passed)


async def _call(request: web.Request) -> Call:
    operation = request.headers.get("X-Amz-Target", "").rpartition(".")[2] or request.method
    found = PROCESS.search(request.headers.get("User-Agent", ""))
    try:
        body = json.loads(await request.read())
        item = (body.get("Key") or body.get("Item") or {}).get("pk", {}).get("S", "")
    except (AttributeError, ValueError):
        item = ""
    return Call(operation, item, int(found[1]) if found else 0)


def _spring(trap: Trap, call: Call) -> None:
    trap.act(call)
    trap.sprung.set()


def _refusal(status: int, code: str, message: str) -> web.Response:
    body = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message})
    return web.Response(status=status, text=body, content_type="application/x-amz-json-1.0")


def _cut(request: web.Request) -> web.StreamResponse:
    if request.transport:
        request.transport.close()
    return web.Response(status=500)


@contextmanager
def dynamodb_proxy(
    stack: Stack, *functions: str, seed: int = 1, settings: Mapping[str, str] | None = None
) -> Iterator[DynamoDbProxy]:
    """Put a proxy between DynamoDB and the stack's functions whose names begin so, e.g. `IngestFunction`.

    `settings`: more of the functions' environment.
    https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
    """
    with _running(stack, seed) as proxy:
        before = {function: _settings(stack, function) for function in functions}
        for function in functions:
            _set(stack, function, {**before[function], **(settings or {}), "AWS_ENDPOINT_URL_DYNAMODB": proxy.url})
        try:
            yield proxy
        finally:
            proxy.faults = ()
            for function in functions:
                _set(stack, function, {**before[function], "AWS_ENDPOINT_URL_DYNAMODB": stack.aws})


@contextmanager
def posts_proxy(
    stack: Stack, *functions: str, seed: int = 1, quota: TokenBucket | None = None
) -> Iterator[DynamoDbProxy]:
    """Put a proxy between `@connections` and the stack's functions whose names begin so, e.g. `PublishFunction`.

    `quota`: of the account, for the posts of all of them together.
    """
    with _running(stack, seed) as proxy:
        proxy.quota = quota
        before = {function: _settings(stack, function) for function in functions}
        for function in functions:
            path = urlsplit(before[function]["CONNECTIONS_URL"]).path
            _set(stack, function, {**before[function], "CONNECTIONS_URL": proxy.url + path})
        try:
            yield proxy
        finally:
            for function in functions:
                _set(stack, function, before[function])


@contextmanager
def _running(stack: Stack, seed: int) -> Iterator[DynamoDbProxy]:
    proxy, started, stop = DynamoDbProxy(stack.aws, seed), Event(), Event()

    async def serve() -> None:
        runner = await proxy.start()
        started.set()
        await asyncio.to_thread(stop.wait)
        await proxy.stop(runner)

    thread = Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield proxy
    finally:
        stop.set()
        thread.join(10)


def _settings(stack: Stack, function: str) -> dict[str, str]:
    name = stack.function_name(function)
    return dict(stack.functions().get_function_configuration(FunctionName=name)["Environment"]["Variables"])


def _set(stack: Stack, function: str, settings: dict[str, str]) -> None:
    stack.functions().update_function_configuration(
        FunctionName=stack.function_name(function), Environment={"Variables": settings}
    )
