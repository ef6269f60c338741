"""The local stack for measurements: the stack of `make run`, with a tick of one second and a simulated market."""

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console

from tools.bench.workload import ROOT

Progress = Callable[[str], None]


class NotMeasured(Exception):
    """A measurement failed; the text says what was missing."""


@contextlib.contextmanager
def running_stack(progress: Progress, state: Path) -> Iterator[dict[str, str]]:
    """Yield its addresses as `python -m tools.local --json` prints them.

    Raises:
        NotMeasured: it did not start.
    """
    progress("starting the local stack")
    state.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tools.local", "--json", "--port=0", "--tick=1", "--simulated"]
    command += [f"--state={state}", "--", "--seed=1"]
    with (state / "stack.log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)  # noqa: S603 - ours
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise NotMeasured(f"the local stack did not start; read its log {state / 'stack.log'}")
            yield json.loads(line)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


@contextlib.contextmanager
def shown_progress(console: Console) -> Iterator[Progress]:
    """Print progress: one changing line on a terminal, otherwise one line per stage."""
    began = time.monotonic()
    if console.is_terminal:
        with console.status("starting", refresh_per_second=2) as status:
            yield lambda text: status.update(f"{time.monotonic() - began:.0f} s  {text}")
        return
    said: list[float] = []

    def say(text: str) -> None:
        if not said or time.monotonic() - said[-1] >= 5:
            said.append(time.monotonic())
            print(f"{time.monotonic() - began:6.0f} s  {text}", file=sys.stderr, flush=True)

    yield say
