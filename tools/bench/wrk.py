"""wrk, the upper bound: the same posts from C, signed in advance. https://github.com/wg/wrk

Its figures are taken from outside, after its handshakes: posts from the sink's counts, CPU time from /proc. Without
/proc or with a foreign sink they cover its whole run.
"""

import os
import re
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tools.bench.clients.signed import Signed
from tools.bench.workload import ROOT, connection_id, environment
from tools.simulator.sink import Sink

LUA = Path(__file__).with_name("wrk_post.lua")
REQUESTS = 2_000
HANDSHAKES_S = 1.5


def find() -> str | None:
    """Return the path of wrk, or None if it is not installed."""
    return shutil.which("wrk")


def prepare(url: str, file: Path) -> None:
    """Write the requests, each with its own id, in a process whose environment has the credentials."""
    command = [sys.executable, "-m", "tools.bench.wrk", url, str(file)]
    subprocess.run(command, cwd=ROOT, env=environment(), check=True)  # noqa: S603 - our own module


def _write_requests(url: str, file: Path) -> None:
    signed = Signed(url)
    requests = [signed.request(connection_id(number)) for number in range(REQUESTS)]
    file.write_bytes(b"\0".join([*requests, b""]))


def run(program: str, sink: Sink, file: Path, *, in_flight: int, seconds: float) -> dict[str, float]:
    """Run one round; return the keys that a client prints.

    Raises:
        RuntimeError: wrk failed.
    """
    duration = round(seconds + HANDSHAKES_S + 1)
    command = [program, "-t1", f"-c{in_flight}", f"-d{duration}s", "-s", str(LUA), sink.url, "--", str(file)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # noqa: S603
    windowed = bool(sink.control) and Path(f"/proc/{process.pid}/stat").exists()
    result: dict[str, float] = {}
    if windowed:
        time.sleep(HANDSHAKES_S)
        posts, cpu, began = _posts(sink), _cpu_s(process.pid), time.perf_counter()
        time.sleep(seconds)
        result = {
            "elapsed_s": time.perf_counter() - began,
            "cpu_s": _cpu_s(process.pid) - cpu,
            "delivered": _posts(sink) - posts,
            "peak_mb": _peak_mb(process.pid),
        }
    output, _ = process.communicate()
    found = re.search(r"(\d+) requests in ([\d.]+)s", output)
    if process.returncode or not found or "Non-2xx" in output:
        raise RuntimeError(f"wrk failed:\n{output}")
    if not windowed:
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        result = {"elapsed_s": float(found[2]), "cpu_s": cpu_s, "delivered": int(found[1])}
    return result


def _posts(sink: Sink) -> int:
    return int(sink.counts()["by_status"].get("200", 0))


def _cpu_s(pid: int) -> float:
    """proc_pid_stat(5): fields 14 and 15, after the name in brackets."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak_mb(pid: int) -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
    return int(found[1]) * 1024 / 1e6 if found else 0.0


if __name__ == "__main__":
    _write_requests(sys.argv[1], Path(sys.argv[2]))
