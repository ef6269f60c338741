"""A process that fans out like a Lambda: it reads a tick per line and prints each result as JSON.

The connections come from a generator and are never kept.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

from botocore.credentials import Credentials

from shared.gateway import open_gateway
from shared.model.channels import RATES_BATCH
from shared.model.values import Connection, Progress
from shared.publishing.fan_out import FanOut
from tests.fan_out.feed import Feed
from tools.bench.client import peak_mb

if TYPE_CHECKING:
    from shared.store.connections_table import ConnectionsTable

REGION = "ca-central-1"
LONGEST_S = 300.0


class Endless:
    """A stub of the connections table: subscribers of everything, in the table's order."""

    def __init__(self, count: int, prefix: str) -> None:
        self._count = count
        self._prefix = prefix

    def subscribers(self, _shards: Sequence[int], _now_s: int, _after: str = "") -> Iterator[Connection]:
        for number in range(self._count):
            yield Connection(f"{self._prefix}{number:07}=", {RATES_BATCH: None})

    def partition_of(self, _connection_id: str) -> int:
        return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fan_out.batches", description=__doc__)
    for name in ("url", "ca", "prefix"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    options = parser.parse_args()
    keys = Credentials("key", "secret", "token")
    gateway = open_gateway(
        options.url, ca_file=options.ca, credentials=keys, region=REGION, rate=options.rate, burst=int(options.rate)
    )
    connections = Endless(options.connections, options.prefix)
    fan_out, feed, progress = FanOut(cast("ConnectionsTable", connections), gateway), Feed(), Progress()
    for _ in sys.stdin:
        posted, progress = fan_out.post(feed.tick(), (0,), progress, deadline_s=LONGEST_S)
        told = {
            "reached": posted.reached,
            "whole": posted.complete,
            "outcomes": posted.outcomes,
            "elapsed_ms": posted.elapsed_ms,
            "seq": feed.snapshot.seq,
            "peak_mb": peak_mb(),
        }
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
