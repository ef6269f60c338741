"""Start and end the local stack's programs, each in its own process group, even after a killed start."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

OWNER, PROGRAMS = "owner", "programs"
GRACE_S = 3  # nothing that runs here has a state to save


class StillOwned(Exception):
    """The process that started the recorded programs still runs."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"process {pid} still runs its programs")
        self.pid = pid


class Processes:
    """Start programs and end them with all their children. The file `record` lists them and their owner, which is this
    process, for the next start."""

    def __init__(self, record: Path) -> None:
        self._record = record
        self._is_recorded = False
        self._running: list[asyncio.subprocess.Process] = []
        self._services: dict[str, asyncio.subprocess.Process] = {}

    async def start(
        self, command: Sequence[str], *, environment: Mapping[str, str], log: Path, cwd: Path, service: bool = False
    ) -> asyncio.subprocess.Process:
        """Start a program; append both its outputs to `log`. A service is a program that should not end by itself."""
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *command,
                env=dict(environment),
                cwd=cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # a Ctrl-C in the terminal does not reach it; `stop` ends it
            )
        self._running.append(process)
        if service:
            self._services[log.stem] = process
        self._remember()
        return process

    async def first_to_end(self) -> str:
        """Wait until one of the running programs ends; return the name of its log."""
        waits = {asyncio.create_task(process.wait()): name for name, process in self._services.items()}
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        return waits[done.pop()]

    async def stop(self) -> None:
        """End all groups: SIGTERM first, SIGKILL after a while."""
        for process in self._running:
            _signal_group(process.pid, signal.SIGTERM)
        for process in self._running:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), GRACE_S)
            _signal_group(process.pid, signal.SIGKILL)
            await process.wait()
        self._running.clear()
        if self._is_recorded:
            self._record.unlink(missing_ok=True)
            self._is_recorded = False

    def end_left_over(self) -> int:
        """End the programs that an owner which is gone left behind, and record this process as the owner.

        Return how many were ended.

        Raises:
            StillOwned: their owner still runs. Nothing was ended or recorded.
        """
        recorded = self._recorded()
        for pid in _alive(recorded.get(OWNER, {})):
            if pid != os.getpid():
                raise StillOwned(pid)
        left_over = _alive(recorded.get(PROGRAMS, {}))
        for pid in left_over:
            _signal_group(pid, signal.SIGKILL)
        self._remember()
        return len(left_over)

    def _recorded(self) -> dict[str, dict[str, str]]:
        try:
            recorded: dict[str, dict[str, str]] = json.loads(self._record.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return recorded

    def _remember(self) -> None:
        running = {str(process.pid): _began(process.pid) for process in self._running}
        owner = {str(os.getpid()): _began(os.getpid())}
        self._record.write_text(json.dumps({OWNER: owner, PROGRAMS: running}), encoding="utf-8")
        self._is_recorded = True


def _alive(recorded: Mapping[str, str]) -> list[int]:
    """Return those that run. An ID may have been reused since: only a process that began at the same time counts."""
    return [int(pid) for pid, began in recorded.items() if began and _began(int(pid)) == began]


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _began(pid: int) -> str:
    """Return when a process began, as `ps` prints it on Linux and macOS; empty if there is none."""
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 - ours
