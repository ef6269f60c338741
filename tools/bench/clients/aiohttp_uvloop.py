"""Candidate: aiohttp on uvloop."""

import asyncio
import ssl

import aiohttp
import uvloop
from yarl import URL

from tools.bench.clients import Post
from tools.bench.clients.signed import Signed
from tools.bench.clients.tasks import post_in_tasks
from tools.bench.workload import FRAME


def make(url: str, ca: str, in_flight: int) -> Post:
    signed = Signed(url)
    runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)

    async def open_session() -> aiohttp.ClientSession:
        context = ssl.create_default_context(cafile=ca)
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=in_flight, ssl=context))

    session = runner.run(open_session())

    async def post(connection_id: str) -> bool:
        address, headers = signed.post(connection_id)
        async with session.post(URL(address, encoded=True), data=FRAME, headers=headers) as response:
            await response.read()
            return response.status == 200

    return post_in_tasks(runner, in_flight, post)
