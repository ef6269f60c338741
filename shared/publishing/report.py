"""The result of a batch of posts as metrics and log lines, for `publish` and its workers."""

import time
from dataclasses import dataclass

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from shared.gateway import Posted
from shared.model.delta import Delta

# Faults of the deployment or of a frame, not of a client: they last until somebody acts.
REFUSED = ("forbidden", "rejected", "too_large", "untrusted")
REASONS = 3
MISSED = 100  # connections that a log line names


@dataclass(frozen=True, slots=True)
class Moment:
    """A time by the clock and the CPU time that this process has used."""

    at_ms: int
    cpu_ms: int


def moment() -> Moment:
    return Moment(time.time_ns() // 1_000_000, time.process_time_ns() // 1_000_000)


class Gaps:
    """How far apart the published snapshots came, while somebody listened to both. Without listeners the ingest ticks
    once a minute on purpose, and a client that comes then ends such a gap."""

    def __init__(self) -> None:
        self._was_heard = False

    def count(self, metrics: Metrics, delta: Delta, *, is_heard: bool) -> None:
        """Count the time between the delta's two snapshots."""
        if self._was_heard and is_heard and delta.old.seq:
            metrics.add_metric("SnapshotGap", MetricUnit.Milliseconds, max(0, delta.new.ts_ms - delta.old.ts_ms))
        self._was_heard = is_heard


def report(logger: Logger, metrics: Metrics, began: Moment, delta: Delta, posted: Posted) -> None:
    """Count every outcome. Log a warning if connections missed a frame, which slow clients do by themselves, or if
    slow clients were closed, and an error if the batch broke; at DEBUG, also the times."""
    ended = moment()
    refused = sum(posted.outcomes[outcome] for outcome in REFUSED)
    for name, value in {
        "Connections": posted.reached,
        "ConnectionsGone": posted.gone,
        "ConnectionsUnsent": posted.unsent,
        "Posts": posted.posts,
        "PostsThrottled": posted.outcomes["throttled"],
        "PostsFailed": posted.failures - posted.slow,
        "SlowClients": posted.slow,
        "PostsRefused": refused,
        "FramesPosted": posted.frames,
        "BatchesBroken": int(posted.error is not None),
    }.items():
        metrics.add_metric(name, MetricUnit.Count, value)
    metrics.add_metric("BytesPosted", MetricUnit.Bytes, posted.bytes)
    metrics.add_metric("PostingTime", MetricUnit.Milliseconds, posted.elapsed_ms)
    metrics.add_metric("PublishLatency", MetricUnit.Milliseconds, ended.at_ms - delta.new.ts_ms)
    metrics.add_metadata("seq", delta.new.seq)  # so that the log tells which ticks a connection got
    logger.debug(
        "posted",
        seq=delta.new.seq,
        began_ms=began.at_ms,
        ended_ms=ended.at_ms,
        cpu_ms=ended.cpu_ms - began.cpu_ms,
    )
    missed = posted.failures - posted.slow + posted.unsent
    if not posted.complete and (missed or not posted.slow):
        reasons = {why for each, why in posted.failed.items() if not (posted.slow and posted.is_throttled(each))}
        logger.warning(
            "posts failed",
            seq=delta.new.seq,
            connections=missed,
            reasons=sorted(reasons)[:REASONS],
            missed=sorted(posted.failed)[:MISSED],
            outcomes=dict(posted.outcomes),
        )
    if posted.closed:
        logger.warning("slow clients closed", seq=delta.new.seq, connections=posted.closed)
    if posted.ended:
        logger.info("connections closed because their token has ended", seq=delta.new.seq, connections=posted.ended)
    if posted.error:
        logger.error("batch broken", seq=delta.new.seq, exc_info=posted.error)
