"""Programs that the local stack starts, each in a group of its own, and their end, even after a killed start."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

GRACE_S = 3  # nothing that runs here has a state to save


class Processes:
    """Starts programs and ends them with all that they started. `record` remembers them for the next start."""

    def __init__(self, record: Path) -> None:
        self._record = record
        self._running: list[asyncio.subprocess.Process] = []
        self._services: dict[str, asyncio.subprocess.Process] = {}

    async def start(
        self, command: Sequence[str], *, environment: Mapping[str, str], log: Path, cwd: Path, service: bool = False
    ) -> asyncio.subprocess.Process:
        """Start a program; both its outputs go to the end of `log`. A service is one that is not expected to end."""
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *command,
                env=dict(environment),
                cwd=cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # a Ctrl-C in the terminal ends it when we say so, not before
            )
        self._running.append(process)
        if service:
            self._services[log.stem] = process
        self._remember()
        return process

    async def first_to_end(self) -> str:
        """Wait until one of the programs that still run has ended; the name of its log."""
        waits = {asyncio.create_task(process.wait()): name for name, process in self._services.items()}
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        return waits[done.pop()]

    async def stop(self) -> None:
        """End all groups: ask first, after a while insist."""
        for process in self._running:
            _signal_group(process.pid, signal.SIGTERM)
        for process in self._running:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), GRACE_S)
            _signal_group(process.pid, signal.SIGKILL)
            await process.wait()
        self._running.clear()
        self._remember()

    def end_left_over(self) -> int:
        """End what an earlier start left behind because it was killed itself. How many programs that were."""
        try:
            recorded = json.loads(self._record.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0
        # A process ID may have been given anew since: only one that began at the same moment is ours.
        alive = [int(pid) for pid, began in recorded.items() if began and _began(int(pid)) == began]
        for pid in alive:
            _signal_group(pid, signal.SIGKILL)
        self._record.unlink(missing_ok=True)
        return len(alive)

    def _remember(self) -> None:
        running = {str(process.pid): _began(process.pid) for process in self._running}
        self._record.write_text(json.dumps(running), encoding="utf-8")


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _began(pid: int) -> str:
    """When a process began, as `ps` says it on Linux and macOS alike; empty for none."""
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 - ours
