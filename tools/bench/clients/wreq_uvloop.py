"""Candidate: wreq (Rust, a fork of reqwest) on uvloop."""

import asyncio

import uvloop
import wreq

from tools.bench.clients import Post
from tools.bench.clients.signed import Signed
from tools.bench.clients.tasks import post_in_tasks
from tools.bench.workload import FRAME


def make(url: str, ca: str, in_flight: int) -> Post:  # noqa: ARG001
    signed = Signed(url)
    runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    # Its BoringSSL refuses the sink's CA, which is limited to loopback addresses. Handshakes do not count here.
    client = wreq.Client(tls_verify=False, http1_only=True, pool_max_idle_per_host=in_flight)

    async def post(connection_id: str) -> bool:
        address, headers = signed.post(connection_id)
        response = await client.post(address, headers=headers, body=FRAME)
        await response.bytes()
        return bool(response.status.as_int() == 200)

    return post_in_tasks(runner, in_flight, post)
