"""What a client sees of the WebSocket protocol itself, on the deployed feed: frames, fragments and subprotocols."""

import asyncio
import json
import os
import subprocess

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Data, Subprotocol

from tests.e2e.clients import Client, opened
from tests.e2e.foreign import FOREIGN, NODE, NODE_MODULES
from tests.e2e.local_stack import Stack
from tools.local.relay import MAX_FRAME_BYTES

SUBSCRIBE = '{"event":"subscribe","channel":"rates_batch","id":1}'


def test_a_request_in_fragments_is_answered(common_stack: Stack) -> None:
    async def run() -> None:
        async with opened(common_stack) as client:
            await client.socket.send([SUBSCRIBE[:9], SUBSCRIBE[9:20], SUBSCRIBE[20:]])
            assert (await client.next())["event"] == "subscribed"

    asyncio.run(run())


def test_a_long_message_in_short_frames_is_too_large(common_stack: Stack) -> None:
    async def run() -> None:
        async with opened(common_stack) as client:
            await client.socket.send([SUBSCRIBE.ljust(MAX_FRAME_BYTES), " " * MAX_FRAME_BYTES])
            assert (await client.next())["code"] == "too_large"
            await client.send({"event": "ping"})
            assert (await client.next())["event"] == "pong"

    asyncio.run(run())


@pytest.mark.parametrize(
    ("message", "code"),
    [(SUBSCRIBE.encode(), 1003), (SUBSCRIBE.ljust(MAX_FRAME_BYTES + 1), 1009)],
    ids=["binary", "long"],
)
def test_a_frame_that_api_gateway_refuses_ends_the_connection(common_stack: Stack, message: Data, code: int) -> None:
    async def run() -> None:
        async with opened(common_stack) as client:
            await client.socket.send(message)
            with pytest.raises(ConnectionClosed) as closed:
                await client.next()
            assert closed.value.rcvd
            assert closed.value.rcvd.code == code

    asyncio.run(run())


def test_the_feed_chooses_no_subprotocol(common_stack: Stack) -> None:
    async def run() -> None:
        offered = [Subprotocol("cad.v1"), Subprotocol("json")]
        async with connect(common_stack.feed, ssl=common_stack.tls, subprotocols=offered) as socket:
            assert socket.response
            assert "Sec-WebSocket-Protocol" not in socket.response.headers
            client = Client(socket=socket)
            await client.send(json.loads(SUBSCRIBE))
            assert (await client.next())["event"] == "subscribed"

    asyncio.run(run())


@pytest.mark.parametrize("library", ["node", "ws"])
def test_javascript_fails_when_it_offered_a_subprotocol(common_stack: Stack, library: str) -> None:
    command = [str(NODE), str(FOREIGN / "offers_subprotocol.cjs"), library, common_stack.feed]
    environment = os.environ | {"NODE_PATH": str(NODE_MODULES), "NODE_EXTRA_CA_CERTS": common_stack.ca}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert said.stdout == "refused\n", said
