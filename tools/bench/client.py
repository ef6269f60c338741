"""One client's run in its own process: `python -m tools.bench.client NAME --url URL ...` prints what it took.

It imports no package that a client brings, so the measured import time is the client's.
"""

import argparse
import importlib
import json
import resource
import sys
import time

from tools.bench.workload import ConnectionIds


def main() -> int:
    options = _parser().parse_args()
    import_began = time.perf_counter()
    client = importlib.import_module(f"tools.bench.clients.{options.name}")
    post = client.make(options.url, options.ca, options.in_flight)
    import_ms = (time.perf_counter() - import_began) * 1000
    if options.warm_up:
        post(ConnectionIds(seconds=options.warm_up))
    cpu_began, began = time.process_time(), time.perf_counter()
    ids = ConnectionIds(posts=options.posts, seconds=options.seconds)
    delivered = post(ids)
    elapsed_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
    ended = time.monotonic()  # the same clock in all processes
    result = {
        "import_ms": import_ms,
        "taken": ids.taken,
        "delivered": delivered,
        "elapsed_s": elapsed_s,
        "cpu_s": cpu_s,
        "peak_mb": peak_mb(),
        "ended": ended,
    }
    sys.stdout.write(json.dumps(result) + "\n")
    return 0


def peak_mb() -> float:
    """Return this process's peak memory in MB (a million bytes).

    On Linux `getrusage` would include the program before `exec`: https://man7.org/linux/man-pages/man2/getrusage.2.html
    """
    if sys.platform == "darwin":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 - pathlib may be what a client brings
        (line,) = [line for line in status if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024 / 1e6


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.client", description=__doc__)
    parser.add_argument("name", help="a module of tools.bench.clients")
    parser.add_argument("--url", required=True)
    parser.add_argument("--ca", required=True)
    parser.add_argument("--in-flight", type=int, required=True)
    parser.add_argument("--posts", type=int, help="number of posts")
    parser.add_argument("--seconds", type=float, help="post for this long")
    parser.add_argument("--warm-up", type=float, default=0, help="seconds of posts that do not count")
    return parser


if __name__ == "__main__":
    sys.exit(main())
