"""aiobotocore: botocore on aiohttp, in tasks that share a client."""

import asyncio

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

from tools.bench.clients import Post
from tools.bench.clients.tasks import post_in_tasks
from tools.bench.workload import FRAME


def make(url: str, ca: str, in_flight: int) -> Post:
    runner = asyncio.Runner()
    config = AioConfig(max_pool_connections=in_flight, retries={"total_max_attempts": 1})
    opening = get_session().create_client("apigatewaymanagementapi", endpoint_url=url, verify=ca, config=config)
    client = runner.run(opening.__aenter__())

    async def post(connection_id: str) -> bool:
        await client.post_to_connection(ConnectionId=connection_id, Data=FRAME)
        return True

    return post_in_tasks(runner, in_flight, post)
