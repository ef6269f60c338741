"""The process of `batches` for tests: run, stop, continue, end."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tools.simulator.sink import Sink

ROOT = Path(__file__).parent.parent.parent
END_TIMEOUT_S = 20


class Child:
    """A fan-out in its own process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def tick(self) -> dict[str, Any]:
        """Make it post a tick to everyone; return the result."""
        self.begin()
        return self.end()

    def begin(self) -> None:
        assert self._process.stdin
        self._process.stdin.write("tick\n")
        self._process.stdin.flush()

    def end(self) -> dict[str, Any]:
        assert self._process.stdout
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        return told

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop it during the block, like a Lambda between two invocations."""
        os.kill(self._process.pid, signal.SIGSTOP)
        try:
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOWAIT)
            yield
        finally:
            os.kill(self._process.pid, signal.SIGCONT)


@contextmanager
def child(sink: Sink, connections: int, prefix: str, rate: float = 7_000) -> Iterator[Child]:
    """Run a process that fans out to that many connections during the block."""
    command = [sys.executable, "-m", "tests.fan_out.batches", f"--url={sink.url}", f"--ca={sink.ca}"]
    command += [f"--connections={connections}", f"--prefix={prefix}", f"--rate={rate}"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Child(process)
        finally:
            assert process.stdin
            process.stdin.close()
            try:
                process.wait(END_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
