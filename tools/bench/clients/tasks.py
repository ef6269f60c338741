"""Tasks for asyncio clients: they share one iterator and run on a loop that is kept."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

from tools.bench.clients import Post


def post_in_tasks(runner: asyncio.Runner, in_flight: int, post: Callable[[str], Awaitable[bool]]) -> Post:
    """`post` says whether the answer was 200."""

    async def task(ids: Iterator[str]) -> int:
        delivered = 0
        for connection_id in ids:
            delivered += await post(connection_id)
        return delivered

    async def tasks(ids: Iterator[str]) -> int:
        return sum(await asyncio.gather(*(task(ids) for _ in range(in_flight))))

    return lambda ids: runner.run(tasks(ids))
