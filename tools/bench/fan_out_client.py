"""Two fan-outs in their own process: from the reader of the connections table through this client to the sink.

The first opens the connections; the second is like all later ones.

`python -m tools.bench.fan_out_client --table NAME ...` prints the measurements. Its environment says where DynamoDB is.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator

from shared.gateway import open_gateway
from shared.store.connections_table import ConnectionsTable
from shared.store.dynamodb import table
from tools.bench.client import peak_mb
from tools.bench.clients.this_client import LONGEST_S, UNPACED
from tools.bench.workload import FRAME


def main() -> int:
    options = _parser().parse_args()
    connections = ConnectionsTable(table(options.table))

    def addressed() -> Iterator[tuple[str, tuple[bytes, ...]]]:
        for connection in connections.subscribers(None, options.now_s):
            yield connection.connection_id, (FRAME,)

    gateway = open_gateway(options.url, rate=UNPACED, burst=UNPACED, in_flight=options.in_flight, ca_file=options.ca)

    def fan_out() -> int:
        if options.read_only:
            return sum(1 for _ in addressed())
        return gateway.post_all(addressed(), deadline_s=LONGEST_S, on_gone=lambda _: None).reached

    began = time.perf_counter()
    first = fan_out()
    first_s = time.perf_counter() - began
    cpu_began, began = time.process_time(), time.perf_counter()
    reached = min(first, fan_out())
    result = {
        "reached": reached,
        "first_s": first_s,
        "elapsed_s": time.perf_counter() - began,
        "cpu_s": time.process_time() - cpu_began,
        "peak_mb": peak_mb(),
    }
    sys.stdout.write(json.dumps(result) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.fan_out_client", description=__doc__)
    parser.add_argument("--table", required=True)
    parser.add_argument(
        "--now-s", type=int, required=True, help="Unix time that decides which connections have expired"
    )
    parser.add_argument("--url", required=True)
    parser.add_argument("--ca", required=True)
    parser.add_argument("--in-flight", type=int, required=True)
    parser.add_argument("--read-only", action="store_true", help="read the connections and post nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main())
