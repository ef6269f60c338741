"""One process has a wrong clock: an ingest that begins with it, the one that ticks, or `publish`."""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress

from tests.e2e.faults.stage import Case, Do, Stage, kill

WRONG_S = 10
HOUR_S, DAY_S = 3_600, 86_400


def begins_with(ahead_s: int) -> Do:
    """A new ingest has the wrong clock. The fault ends when one with a right clock is started."""

    async def do(stage: Stage) -> None:
        await stage.end_idle_ingests()
        new = stage.clocks / "new"
        new.write_text(str(ahead_s))
        try:
            await stage.holder()
        finally:
            new.unlink()
        await asyncio.sleep(WRONG_S)
        await stage.end_idle_ingests()
        await asyncio.to_thread(stage.invoke_ingest)
        wrong = stage.ingest.writer
        async with asyncio.timeout(30):
            while stage.ingest.writer == wrong:
                await asyncio.sleep(0.02)
        kill(wrong)  # else it serves another run later

    return do


def jumps(ahead_s: int, pids: Callable[[Stage], Sequence[int]]) -> Do:
    """The clock of running processes is wrong for a while."""

    async def do(stage: Stage) -> None:
        of = pids(stage)
        assert of
        set_clocks(stage, of, ahead_s)
        await asyncio.sleep(WRONG_S)
        set_clocks(stage, of, 0)

    return do


def set_clocks(stage: Stage, pids: Sequence[int], ahead_s: int) -> None:
    for pid in pids:
        (stage.clocks / str(pid)).write_text(str(ahead_s))
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGUSR1)


def holder(stage: Stage) -> list[int]:
    return [stage.ingest.writer]


CASES = (
    Case("an ingest begins an hour back", begins_with(-HOUR_S)),
    Case("an ingest begins a day ahead", begins_with(DAY_S)),
    Case("the clock of the ingest is an hour back for 10 s", jumps(-HOUR_S, holder)),
    Case("the clock of the ingest is a day ahead for 10 s", jumps(DAY_S, holder)),
    Case("the clock of publish is an hour back for 10 s", jumps(-HOUR_S, Stage.publishers)),
    Case("the clock of publish is a day ahead for 10 s", jumps(DAY_S, Stage.publishers)),
)
