"""The feed's own client without its rate limit: the bench measures what it can do, not what it may."""

from collections.abc import Iterator

from shared.gateway import open_gateway
from tools.bench.clients import Post
from tools.bench.workload import FRAME

UNPACED = 1_000_000
LONGEST_S = 600


def make(url: str, ca: str, in_flight: int) -> Post:
    gateway = open_gateway(url, rate=UNPACED, burst=UNPACED, in_flight=in_flight, ca_file=ca)

    def post(ids: Iterator[str]) -> int:
        frames = (FRAME,)
        addressed = ((connection_id, frames) for connection_id in ids)
        return gateway.post_all(addressed, deadline_s=LONGEST_S, on_gone=lambda _: None).frames

    return post
