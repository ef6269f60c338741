"""What became of a batch of posts, as metrics and as log lines. Of `publish` and of its workers."""

import time
from dataclasses import dataclass

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from shared.gateway import Posted
from shared.model.delta import Delta

# What is wrong with the deployment or with a frame, not with a client: it does not heal by itself.
REFUSED = ("forbidden", "rejected", "too_large", "untrusted")
REASONS = 3


@dataclass(frozen=True, slots=True)
class Moment:
    """By the clock, and in the processor time that this process has taken."""

    at_ms: int
    cpu_ms: int


def moment() -> Moment:
    return Moment(time.time_ns() // 1_000_000, time.process_time_ns() // 1_000_000)


def report(logger: Logger, metrics: Metrics, began: Moment, delta: Delta, posted: Posted) -> None:
    """Count every outcome; a line for those who missed a frame, one for what broke the batch. At the level of DEBUG
    one, too, for where the time went."""
    ended = moment()
    refused = sum(posted.outcomes[outcome] for outcome in REFUSED)
    for name, value in {
        "Connections": posted.reached,
        "ConnectionsGone": posted.gone,
        "ConnectionsUnsent": posted.unsent,
        "Posts": posted.posts,
        "PostsThrottled": posted.outcomes["throttled"],
        "PostsFailed": posted.failures,
        "PostsRefused": refused,
        "FramesPosted": posted.frames,
        "BatchesBroken": int(posted.error is not None),
    }.items():
        metrics.add_metric(name, MetricUnit.Count, value)
    metrics.add_metric("BytesPosted", MetricUnit.Bytes, posted.bytes)
    metrics.add_metric("PostingTime", MetricUnit.Milliseconds, posted.elapsed_ms)
    metrics.add_metric("PublishLatency", MetricUnit.Milliseconds, ended.at_ms - delta.new.ts_ms)
    logger.debug(
        "posted",
        seq=delta.new.seq,
        began_ms=began.at_ms,
        ended_ms=ended.at_ms,
        cpu_ms=ended.cpu_ms - began.cpu_ms,
    )
    if not posted.whole:
        logger.warning(
            "posts failed",
            seq=delta.new.seq,
            connections=posted.failures + posted.unsent,
            reasons=sorted(set(posted.failed.values()))[:REASONS],
            outcomes=dict(posted.outcomes),
        )
    if posted.error:
        logger.error("batch broken", seq=delta.new.seq, exc_info=posted.error)
