"""Programs of the local stack end with it, and a later start ends only what nobody owns any more."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from tools.local.__main__ import LocalStack, _parser
from tools.local.aws import CannotStart
from tools.local.processes import OWNER, PROGRAMS, Processes, StillOwned

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]
# Starts a sleeper as a stack does, prints its ID, and waits until it is killed.
OWNS = """
import asyncio, sys
from pathlib import Path
from tools.local.processes import Processes

async def own(folder):
    processes = Processes(folder / "processes.json")
    processes.end_left_over()
    sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
    process = await processes.start(sleeper, environment={}, log=folder / "sleeper.log", cwd=folder)
    print(process.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(own(Path(sys.argv[1])))
"""
ROOT = Path(__file__).parents[3]


class Owner:
    """Another process that owns a sleeper in a folder."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWNS, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        self.sleeper = int(self.process.stdout.readline())

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    made = Owner(tmp_path)
    try:
        yield made
    finally:
        made.kill()
        Processes(tmp_path / "processes.json").end_left_over()
        assert made.process.stdout
        made.process.stdout.close()


def runs(pid: int) -> bool:
    """Return whether a process runs; one that has ended and was not waited for does not."""
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(shown.stdout.strip()) and not shown.stdout.startswith("Z")


def ended(pid: int) -> bool:
    for _ in range(200):
        if not runs(pid):
            return True
        asyncio.run(asyncio.sleep(0.05))
    return False


def test_what_a_killed_owner_left_over_is_ended(tmp_path: Path, owner: Owner) -> None:
    owner.kill()
    assert runs(owner.sleeper)
    assert Processes(tmp_path / "processes.json").end_left_over() == 1
    assert ended(owner.sleeper)


def test_the_programs_of_an_owner_that_runs_stay(tmp_path: Path, owner: Owner) -> None:
    record = tmp_path / "processes.json"
    before = record.read_text(encoding="utf-8")
    with pytest.raises(StillOwned) as refused:
        Processes(record).end_left_over()
    assert refused.value.pid == owner.process.pid
    assert runs(owner.sleeper)
    assert record.read_text(encoding="utf-8") == before


def test_a_second_stack_on_a_folder_says_that_another_runs(tmp_path: Path, owner: Owner) -> None:
    """It refuses to start, and its own end leaves the folder of the other one as it is."""
    record = tmp_path / "processes.json"
    before = record.read_text(encoding="utf-8")
    (tmp_path / "tmp").mkdir()
    stack = LocalStack(_parser().parse_args(["--port", "0", "--state", str(tmp_path)]), Console(quiet=True))

    async def start() -> None:
        try:
            await stack.start()
        finally:
            await stack.stop()

    with pytest.raises(CannotStart, match=f"another stack runs .*process {owner.process.pid}.*--state"):
        asyncio.run(start())
    assert runs(owner.sleeper)
    assert (tmp_path / "tmp").exists()
    assert record.read_text(encoding="utf-8") == before


def test_an_id_that_was_used_again_does_not_own(tmp_path: Path) -> None:
    record = tmp_path / "processes.json"
    began_before = {str(os.getppid()): "Thu Jan  1 00:00:00 1970"}
    record.write_text(json.dumps({OWNER: began_before, PROGRAMS: began_before}), encoding="utf-8")
    assert Processes(record).end_left_over() == 0


@pytest.mark.parametrize("text", ["", "{", "{}"])
def test_a_record_that_says_nothing_ends_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "processes.json").write_text(text, encoding="utf-8")
    assert Processes(tmp_path / "processes.json").end_left_over() == 0


def test_a_stop_ends_the_programs_and_leaves_no_record(tmp_path: Path) -> None:
    record = tmp_path / "processes.json"

    async def scene() -> int:
        processes = Processes(record)
        assert processes.end_left_over() == 0
        process = await processes.start(SLEEPER, environment={}, log=tmp_path / "sleeper.log", cwd=tmp_path)
        assert json.loads(record.read_text(encoding="utf-8"))[PROGRAMS].keys() == {str(process.pid)}
        await processes.stop()
        return process.pid

    assert not runs(asyncio.run(scene()))
    assert not record.exists()
