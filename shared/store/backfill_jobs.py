"""What has to be fetched from exchanges' histories, and how far that has come: one item of the quotes table.

The ingest starts a job, `backfill` works on it. A job that is cut off is continued by the next run. A time that lies in
the future comes from a clock that was ahead, and keeps nobody waiting.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from shared.store.conditional import condition_failed, is_outside
from shared.store.stored_number import believed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

JOB_KEY = {"pk": "BACKFILL", "sk": "JOB"}
ONE_JOB_PER_MS = 3_600_000
SILENT_AFTER_MS = 60_000  # a run that has written nothing for this long is over
MINUTES_EVERY_MS = 300_000
MINUTES_KEY = {"pk": "BACKFILL", "sk": "MINUTES"}
PAUSE_MS = 1_500


class Taken(Exception):
    """There is such a job already, or another run works on it."""


@dataclass(frozen=True, slots=True)
class Job:
    """Candles to fetch: those that began at or after `from_ms` (0: as far back as the feed wants them) and ended by
    `until_ms`. `began_ms` is when the job was started, `done` has the series that are stored. `heard_ms` is when a run
    last worked on it, `ended`: `whole`, `incomplete` if a source had to be given up, or empty."""

    began_ms: int
    from_ms: int
    until_ms: int
    done: frozenset[str] = frozenset()
    heard_ms: int = 0
    ended: str = ""

    def is_waiting(self, now_ms: int) -> bool:
        """Whether a run should go on with it: at once if the last one was cut off, after an hour if it gave up."""
        if self.ended == "incomplete":
            return abs(now_ms - self.began_ms) >= ONE_JOB_PER_MS
        return not self.ended and abs(now_ms - self.heard_ms) >= SILENT_AFTER_MS


class BackfillJobs:
    """Reads and writes the job."""

    def __init__(self, table: "Table", now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self._table = table
        self._now_ms = now_ms

    def current(self) -> Job | None:
        """The last job, `None` if there was none, or none that can be read: the next one takes its place."""
        item = self._table.get_item(Key=JOB_KEY, ConsistentRead=True).get("Item")
        return _job(item) if item else None

    def start(self, from_ms: int, until_ms: int) -> None:
        """Start a job in place of the last one.

        Raises:
            Taken: another one was started less than an hour ago.
        """
        now_ms = self._now_ms()
        times = {"began_ms": now_ms, "from_ms": from_ms, "until_ms": until_ms, "heard_ms": 0}
        item: dict[str, Any] = {**JOB_KEY, **times, "ended": ""}
        self._write(
            lambda: self._table.put_item(
                Item=item,
                ConditionExpression=is_outside("began_ms", now_ms - ONE_JOB_PER_MS + 1, now_ms + ONE_JOB_PER_MS - 1),
            )
        )

    def take(self) -> Job:
        """The job, to work on.

        Raises:
            Taken: there is none to do, or another run works on it.
        """
        now_ms, job = self._now_ms(), self.current()
        if job is None or not job.is_waiting(now_ms):
            raise Taken
        # A job that is tried again counts as begun now, so its next try is another hour away.
        began_ms = now_ms if job.ended else job.began_ms
        self._write(
            lambda: self._table.update_item(
                Key=JOB_KEY,
                UpdateExpression="SET heard_ms = :now, began_ms = :new, ended = :not",
                ConditionExpression="began_ms = :began AND heard_ms = :heard",
                ExpressionAttributeValues={
                    ":now": now_ms, ":new": began_ms, ":not": "", ":began": job.began_ms, ":heard": job.heard_ms,
                },
            )
        )  # fmt: skip
        return Job(began_ms, job.from_ms, job.until_ms, job.done, now_ms)

    def progressed(self, job: Job, series: Iterable[str] = ()) -> None:
        """Say that the run goes on, and which series it has stored.

        Raises:
            Taken: a newer job has taken its place.
        """
        done = set(series)
        self._write(
            lambda: self._table.update_item(
                Key=JOB_KEY,
                UpdateExpression="SET heard_ms = :now" + (" ADD done :done" if done else ""),
                ConditionExpression="began_ms = :began",
                ExpressionAttributeValues={
                    ":now": self._now_ms(), ":began": job.began_ms, **({":done": done} if done else {}),
                },
            )
        )  # fmt: skip

    def end(self, job: Job, *, is_whole: bool) -> None:
        """Say that the run has ended.

        Raises:
            Taken: a newer job has taken its place.
        """
        self._write(
            lambda: self._table.update_item(
                Key=JOB_KEY,
                UpdateExpression="SET ended = :ended, heard_ms = :now",
                ConditionExpression="began_ms = :began",
                ExpressionAttributeValues={
                    ":ended": "whole" if is_whole else "incomplete", ":now": self._now_ms(), ":began": job.began_ms,
                },
            )
        )  # fmt: skip

    def claim_minutes(self, symbol: str) -> None:
        """Claim the recent minutes of a symbol, which a chart asks for. One run at a time may have any, so that the
        sources' limits hold.

        Raises:
            Taken: they were fetched less than five minutes ago, or another run is at work.
        """
        now_ms, job = self._now_ms(), self.current()
        if job and not job.ended and not job.is_waiting(now_ms):
            raise Taken
        self._write(
            lambda: self._table.put_item(
                Item={**MINUTES_KEY, "until_ms": now_ms + SILENT_AFTER_MS},
                ConditionExpression=is_outside("until_ms", now_ms + 1, now_ms + 2 * SILENT_AFTER_MS),
            )
        )
        item: dict[str, Any] = {"pk": "BACKFILL", "sk": f"MINUTES#{symbol}", "claimed_ms": now_ms}
        try:
            self._write(
                lambda: self._table.put_item(
                    Item={**item, "expires_at": (now_ms + 2 * ONE_JOB_PER_MS) // 1000},
                    ConditionExpression=is_outside(
                        "claimed_ms", now_ms - MINUTES_EVERY_MS + 1, now_ms + MINUTES_EVERY_MS - 1
                    ),
                )
            )
        except Taken:
            self.release_minutes()
            raise

    def release_minutes(self) -> None:
        """Let the next run have minutes, when the slowest source takes a request again."""
        self._table.put_item(Item={**MINUTES_KEY, "until_ms": self._now_ms() + PAUSE_MS})

    def _write(self, write: Callable[[], Any]) -> None:
        try:
            write()
        except ClientError as error:
            if condition_failed(error):
                raise Taken from error
            raise


def _job(item: Any) -> Job | None:
    times = [item.get(name) for name in ("began_ms", "from_ms", "until_ms", "heard_ms")]
    done, ended = item.get("done", set()), item.get("ended")
    is_readable = all(believed(at) == at for at in times) and isinstance(done, set) and isinstance(ended, str)
    if not is_readable or not all(isinstance(series, str) for series in done):
        return None
    began_ms, from_ms, until_ms, heard_ms = map(believed, times)
    return Job(began_ms, from_ms, until_ms, frozenset(done), heard_ms, ended)
