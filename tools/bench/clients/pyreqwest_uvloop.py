"""Candidate: pyreqwest (Rust's reqwest) on uvloop."""

import asyncio
from pathlib import Path

import uvloop
from pyreqwest.client import ClientBuilder

from tools.bench.clients import Post
from tools.bench.clients.signed import Signed
from tools.bench.clients.tasks import post_in_tasks
from tools.bench.workload import FRAME


def make(url: str, ca: str, in_flight: int) -> Post:
    signed = Signed(url)
    runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    builder = ClientBuilder().add_root_certificate_pem(Path(ca).read_bytes()).http1_only()
    client = builder.pool_max_idle_per_host(in_flight).max_connections(in_flight).build()

    async def post(connection_id: str) -> bool:
        address, headers = signed.post(connection_id)
        response = await client.post(address).headers(headers).body_bytes(FRAME).build().send()
        return bool(response.status == 200)

    return post_in_tasks(runner, in_flight, post)
