"""boto3 in its common forms: in a loop, or in threads that share a client."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

from tools.bench.clients import Post
from tools.bench.workload import FRAME


def make(url: str, ca: str, in_flight: int) -> Post:
    config = Config(max_pool_connections=in_flight, retries={"total_max_attempts": 1})
    client = boto3.client("apigatewaymanagementapi", endpoint_url=url, verify=ca, config=config)

    def loop(ids: Iterator[str]) -> int:
        delivered = 0
        for connection_id in ids:
            client.post_to_connection(ConnectionId=connection_id, Data=FRAME)
            delivered += 1
        return delivered

    def threads(ids: Iterator[str]) -> int:
        shared = _Shared(ids)
        with ThreadPoolExecutor(in_flight) as pool:
            return sum(pool.map(loop, [shared] * in_flight))

    return loop if in_flight == 1 else threads


class _Shared(Iterator[str]):
    """An iterator that several threads may share. (`Executor.map` would take all ids at once.)"""

    def __init__(self, ids: Iterator[str]) -> None:
        self._ids = ids
        self._lock = threading.Lock()

    def __next__(self) -> str:
        with self._lock:
            return next(self._ids)
