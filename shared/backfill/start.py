"""When a backfill is due: the feed has no history yet, or has had no price for over an hour. The ingest looks."""

from collections.abc import Callable
from contextlib import suppress

from shared.store.backfill_jobs import BackfillJobs, Job, Taken

HOLE_MS = 3_600_000


class Starter:
    """Starts jobs, and invokes `backfill` while there is one to work on. `job` is the last one that it saw."""

    def __init__(self, jobs: BackfillJobs, invoke: Callable[[], None]) -> None:
        self._jobs = jobs
        self._invoke = invoke
        self._is_waiting = False
        self.job: Job | None = None

    def look(self, last_price_ms: int, now_ms: int) -> None:
        """Start a job if one is due. `last_price_ms` is when a source last answered with a price, 0 if nobody knows."""
        job = self._jobs.current()
        last_ms = last_price_ms or (job.until_ms if job else 0)
        if job is None or now_ms - last_ms > HOLE_MS:
            # A job that never became whole goes on within the new one.
            from_ms = 0 if job is None else last_ms if job.ended == "whole" else min(job.from_ms, last_ms)
            with suppress(Taken):  # by an ingest that looked at the same time
                self._jobs.start(from_ms, now_ms)
            job = self._jobs.current()
        self.job = job
        self._is_waiting = job is not None and job.is_waiting(now_ms)

    def invoke(self) -> None:
        """Invoke `backfill` if a job was waiting when it was looked for."""
        if self._is_waiting:
            self._is_waiting = False
            self._invoke()
