"""Handshakes over wss get in or are refused by their way, their address and their page."""

import asyncio
import json
import sys
from contextlib import AsyncExitStack

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from shared.connecting import headers
from shared.requests.prices import DEAREST
from tests.e2e.clients import opened
from tests.e2e.local_stack import ROOT, SESSION, Stack
from tests.stored import stored
from tools.local.origin import READ_EVERY_S

TICK = 2
EXCHANGE = ["--seed=3"]
SHOP = "https://shop.example"
CONTEXT = ["max_connections_per_client=2", "max_connections_per_block=3", f"allowed_origins={SHOP}"]
CONTEXT += ["messages_per_minute=60", f"message_burst={DEAREST}"]
ME, NEIGHBOUR, ANOTHER, STRANGER = "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.1.1"


async def dial(stack: Stack, address: str = ME, **more: object) -> ClientConnection:
    """Connect from an address of this machine, each of which is another viewer to the edge."""
    url = stack.feed.replace("localhost", "127.0.0.1")
    return await connect(url, ssl=stack.tls, local_addr=(address, 0), open_timeout=60, **more)  # type: ignore[arg-type]


async def refusal(stack: Stack, address: str = ME, **more: object) -> int:
    with pytest.raises(InvalidStatus) as refused:
        await dial(stack, address, **more)
    return int(refused.value.response.status_code)


async def pongs(socket: ClientConnection) -> bool:
    await socket.send('{"event": "ping"}')
    async with asyncio.timeout(30):
        return bool(json.loads(await socket.recv())["event"] == "pong")


async def left(stack: Stack, items: int) -> None:
    """Wait until at most that many items are stored."""
    async with asyncio.timeout(60):
        while len(stored(stack.table("Connections"))) > items:
            await asyncio.sleep(0.1)


def test_a_viewer_and_its_block_have_their_limits(stack: Stack) -> None:
    """A connection that ends makes room for another. No header of its own makes a client somebody else."""

    async def run() -> None:
        async with AsyncExitStack() as block:
            first, second, neighbour = [await dial(stack, each) for each in (ME, ME, NEIGHBOUR)]
            for socket in (first, second, neighbour):
                block.push_async_callback(socket.close)
            disguise = {"X-Forwarded-For": "192.0.2.1", headers.VIEWER: "192.0.2.1", headers.HOST: "a"}
            assert await refusal(stack) == await refusal(stack, additional_headers=disguise) == 429
            assert await refusal(stack, ANOTHER) == 429  # the block is full
            stranger = await dial(stack, STRANGER)
            block.push_async_callback(stranger.close)
            assert await pongs(stranger)
            items = len(stored(stack.table("Connections")))
            await second.close()
            await left(stack, items - 2)
            third = await dial(stack)
            block.push_async_callback(third.close)
            assert await pongs(third)
        await left(stack, 0)

    asyncio.run(run())


def test_the_apis_own_address_is_not_open(stack: Stack) -> None:
    """Neither without the edge's secret nor with a guess."""

    async def run() -> None:
        for more in ({}, {headers.PROOF: ""}, proof("guess")):
            with pytest.raises(InvalidStatus) as refused:
                await connect(socket_url(stack), additional_headers=more)
            assert refused.value.response.status_code == 403
        secret = edge_secret(stack)
        async with connect(socket_url(stack), additional_headers=proof(secret)) as socket:
            assert await pongs(socket)
        assert secret not in "".join(path.read_text() for path in stack.state.glob("*.log"))

    asyncio.run(run())


def socket_url(stack: Stack) -> str:
    apis = SESSION.client("apigatewayv2", endpoint_url=stack.aws).get_apis()["Items"]
    (api,) = (each for each in apis if each["ProtocolType"] == "WEBSOCKET")
    return f"{stack.aws}/_aws/execute-api/{api['ApiId']}/live".replace("http://", "ws://")


def edge_secret(stack: Stack) -> str:
    manager = SESSION.client("secretsmanager", endpoint_url=stack.aws)
    (secret,) = manager.list_secrets()["SecretList"]
    return str(json.loads(manager.get_secret_value(SecretId=secret["ARN"])["SecretString"])["current"])


def test_a_page_of_another_origin_is_refused(stack: Stack) -> None:
    """The feed's own page gets in, and so do programs, which state no origin."""

    async def run() -> None:
        own = stack.dashboard.rstrip("/").replace("localhost", "127.0.0.1")
        for origin in (SHOP, own):
            async with await dial(stack, origin=origin) as socket:
                assert await pongs(socket)
        for origin in ("https://evil.example", "null", own.replace("https", "http")):
            assert await refusal(stack, origin=origin) == 403
        await left(stack, 0)

    asyncio.run(run())


@pytest.mark.parametrize("route", ["$connect", "$disconnect"])
def test_a_message_that_names_a_gateway_route_counts(stack: Stack, route: str) -> None:
    """Its sender gets errors, then `rate_limited`, and stays connected: it is another message than the route's."""

    async def run() -> None:
        async with opened(stack) as client:
            await client.send({"event": route, "id": 1}, valid=False)
            error = await client.next()
            assert (error["code"], error["id"]) == ("unknown_event", 1)
            for _ in range(DEAREST + 15):
                await client.send({"event": route}, valid=False)
            limited = await client.until(lambda frame: frame["code"] == "rate_limited", 120)
            assert limited["retry_in_ms"] > 0
            assert len([item for item in stored(stack.table("Connections")) if "connected_at" in item]) == 1
        await left(stack, 0)

    asyncio.run(run())


@pytest.mark.timeout(600)
def test_a_rotation_of_the_secret_locks_nobody_out(stack: Stack) -> None:
    old = edge_secret(stack)

    async def rotate(*more: str) -> None:
        command = [sys.executable, "-m", "tools.rotate", f"--state={stack.state}", "--wait=11", *more]
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
        assert await process.wait() == 0

    async def run() -> None:
        rotating = asyncio.create_task(rotate())
        connected = 0
        while not rotating.done() or connected < 5:
            async with await dial(stack, STRANGER):
                connected += 1
            await asyncio.sleep(2)  # oftener would be too often
        await rotating
        assert edge_secret(stack) != old
        await asyncio.sleep(2 * READ_EVERY_S)  # the edge sends the new one now
        async with await dial(stack, STRANGER), connect(socket_url(stack), additional_headers=proof(old)):
            pass
        await rotate("--finish")
        async with asyncio.timeout(120):  # a function looks again some seconds after its last look
            while await answer(stack, old) != 403:
                await asyncio.sleep(1)
        async with await dial(stack, STRANGER) as socket:
            assert await pongs(socket)

    asyncio.run(run())


def proof(secret: str) -> dict[str, str]:
    return {headers.PROOF: secret, headers.VIEWER: "192.0.2.1"}


async def answer(stack: Stack, secret: str) -> int:
    """Return the status of a handshake at the API's own address with this secret and, before, with a wrong one, which
    makes the function look again."""
    status = 101
    for each in ("guess", secret):
        try:
            async with connect(socket_url(stack), additional_headers=proof(each)):
                status = 101
        except InvalidStatus as refused:
            status = refused.response.status_code
    return status
