"""Several runs of the ingest at once in virtual time: one moves at a time, and any may be killed or stopped."""

import threading
from dataclasses import dataclass, field
from itertools import pairwise

from tests.functions.ingest.ingests import Ingest, Stage
from tests.samples import NOW_MS

LATENCY_S = 0.005  # of a call of DynamoDB, on its way there and on its way back


class Killed(BaseException):
    """The process of a run has ended; nothing of it runs any more."""


@dataclass
class Run:
    """A run of an ingest in a thread. `skew_ms`: how far its clock is ahead."""

    begins_ms: int
    ingest: Ingest
    skew_ms: int = 0
    killed_ms: int | None = None
    stopped_ms: tuple[int, int] = (0, 0)
    result: str = ""
    wakes_ms: int = 0
    ended_ms: int = 0
    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    thread: threading.Thread | None = None


class VirtualTime:
    """The clock of all runs. A run moves until it sleeps, and then the one moves that wakes first."""

    def __init__(self, stage: Stage) -> None:
        self.now_ms = NOW_MS
        self.runs: list[Run] = []
        self.written: list[tuple[int, int, int]] = []  # when, epoch, seq
        self._stage = stage
        self._back = threading.Semaphore(0)
        self._of_thread = threading.local()

    def begin(self, after_s: float, *, standby: bool = True, skew_ms: int = 0) -> Run:
        """Let a run of an ingest begin at that time."""
        ingest = Ingest(self._stage.items, self, self._stage.written, standby=standby)  # type: ignore[arg-type]
        run = Run(NOW_MS + round(after_s * 1000), ingest, skew_ms)
        run.wakes_ms = run.begins_ms
        ingest.items.fault = ingest.items.lost = lambda _call: self.sleep(LATENCY_S)
        write = ingest.table.write_snapshot

        def watched(*arguments: object) -> None:
            write(*arguments)  # type: ignore[arg-type]
            epoch, seq = self._stage.written[-1]
            self.written.append((self.now_ms, epoch, seq))

        ingest.table.write_snapshot = watched  # type: ignore[method-assign, assignment]
        self.runs.append(run)
        return run

    def advance(self, until_s: float) -> None:
        """Let the runs move until that time."""
        until_ms = NOW_MS + round(until_s * 1000)
        while waiting := [run for run in self.runs if not run.ended_ms]:
            run = min(waiting, key=lambda each: each.wakes_ms)
            if run.wakes_ms >= until_ms:
                break
            self.now_ms = max(self.now_ms, run.wakes_ms)
            if run.stopped_ms[0] <= self.now_ms < run.stopped_ms[1]:
                run.wakes_ms = run.stopped_ms[1]
                continue
            if run.thread is None:
                run.thread = threading.Thread(target=self._move, args=(run,), daemon=True)
                run.thread.start()
            run.go.release()
            assert self._back.acquire(timeout=60)
        self.now_ms = max(self.now_ms, until_ms)

    def end(self) -> None:
        """Kill what still runs."""
        for run in self.runs:
            run.killed_ms = self.now_ms if run.killed_ms is None else run.killed_ms
            if run.thread is None:
                run.ended_ms = self.now_ms
        self.advance((self.now_ms - NOW_MS) / 1000 + 1_000)

    def holder(self) -> Run:
        """The run whose ingest wrote last."""
        epoch = self.written[-1][1]
        return next(run for run in self.runs if epoch in run.ingest.table.epochs)

    def gaps_ms(self) -> list[int]:
        """The times between two writes."""
        times = [at_ms for at_ms, _, _ in self.written]
        return [after - before for before, after in pairwise(times)]

    # What the ingest takes for `time`, and its market for a clock.

    def time_ns(self) -> int:
        return self.ms * 1_000_000

    def sleep(self, seconds: float) -> None:
        run: Run = self._of_thread.run
        self._raise_if_killed(run)
        run.wakes_ms = self.now_ms + round(seconds * 1000)
        self._back.release()
        run.go.acquire()
        self._raise_if_killed(run)

    @property
    def ms(self) -> int:
        run: Run | None = getattr(self._of_thread, "run", None)
        return self.now_ms + (run.skew_ms if run else 0)

    @ms.setter
    def ms(self, value: int) -> None:
        self.sleep((value - self.ms) / 1000)

    def _raise_if_killed(self, run: Run) -> None:
        if run.killed_ms is not None and self.now_ms >= run.killed_ms:
            raise Killed

    def _move(self, run: Run) -> None:
        run.go.acquire()
        self._of_thread.run = run
        try:
            run.result = run.ingest.run()
        except Killed:
            run.result = "killed"
        finally:
            run.ended_ms = max(1, self.now_ms)
            self._back.release()
