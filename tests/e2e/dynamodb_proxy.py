"""A network between the Lambdas and DynamoDB that can fail: it refuses calls, holds them, or loses answers."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread

import aiohttp
from aiohttp import web

from tests.e2e.local_stack import Stack

EVERY = ""  # operation
HELD_S = 600.0
NOT_PASSED_ON = {"content-length", "transfer-encoding", "connection", "content-encoding"}


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to a share of the calls of an operation, such as `PutItem` (`EVERY`: of all).

    `kind`: `error` (500), `throttle`, `held` (no answer), `cut` (the connection is closed), `answer lost` (the call is
    carried out, then the connection is closed).
    """

    kind: str
    operation: str = EVERY
    share: float = 1.0


@dataclass
class DynamoDbProxy:
    """Forwards to the emulator. `faults` is changed by tests at any time."""

    upstream: str
    seed: int = 1
    faults: tuple[Fault, ...] = ()
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)  # (operation, "ok" or the kind of fault)
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
        operation = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        kind = self._fault_of(operation)
        self.calls[operation, kind or "ok"] += 1
        match kind:
            case "error":
                return _refusal(500, "InternalServerError", "a fault of the test")
            case "throttle":
                return _refusal(400, "ThrottlingException", "a fault of the test")
            case "held":
                await asyncio.sleep(HELD_S)
            case "cut":
                return _cut(request)
        answer = await self._passed_on(request)
        return _cut(request) if kind == "answer lost" else answer

    def _fault_of(self, operation: str) -> str:
        for fault in self.faults:
            if fault.operation in (EVERY, operation) and self._random.random() < fault.share:
                return fault.kind
        return ""

    async def _passed_on(self, request: web.Request) -> web.StreamResponse:
        assert self._session
        headers = {name: value for name, value in request.headers.items() if name.lower() not in NOT_PASSED_ON}
        async with self._session.request(
            request.method, self.upstream + request.path_qs, data=await request.read(), headers=headers
        ) as answer:
            passed = {name: value for name, value in answer.headers.items() if name.lower() not in NOT_PASSED_ON}
            return web.Response(status=answer.status, body=await answer.read(), headers=passed)


def _refusal(status: int, code: str, message: str) -> web.Response:
    body = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message})
    return web.Response(status=status, text=body, content_type="application/x-amz-json-1.0")


def _cut(request: web.Request) -> web.StreamResponse:
    if request.transport:
        request.transport.close()
    return web.Response(status=500)


@contextmanager
def dynamodb_proxy(stack: Stack, *functions: str, seed: int = 1) -> Iterator[DynamoDbProxy]:
    """Put a proxy between DynamoDB and the stack's functions whose names begin so, e.g. `IngestFunction`."""
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
        for function in functions:
            _send_through(stack, function, proxy.url)
        yield proxy
    finally:
        proxy.faults = ()
        for function in functions:
            _send_through(stack, function, stack.aws)
        stop.set()
        thread.join(10)


def _send_through(stack: Stack, function: str, url: str) -> None:
    """https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html"""
    name, functions = stack.function_name(function), stack.functions()
    settings = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": {**settings, "AWS_ENDPOINT_URL_DYNAMODB": url}}
    )
