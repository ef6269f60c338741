"""The stream's Lambda: what changed in the snapshot, to every connection that sees it."""

import base64
import os
import time
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import gateway as door
from shared.fan_out import FanOut
from shared.quotes import Delta
from shared.settings import ClientSettings, read
from shared.store.codec import unpack_or_restart
from shared.store.connections_table import ConnectionsTable
from shared.store.dynamodb import table
from shared.store.quotes_table import QuotesTable
from shared.values import Snapshot

logger, metrics = Logger(), Metrics()
tracer = Tracer(auto_patch=False)  # a subsegment per post would cost more than the post
settings = read(ClientSettings, os.environ)
fan_out = FanOut(
    QuotesTable(table(settings.quotes_table)),
    ConnectionsTable(table(settings.connections_table), settings.connection_shards),
    door.connect(settings.connections_url),
    settings.connection_shards,
)


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, int]:
    """A batch of several snapshots is one delta: the last new image against the first old one."""
    images = [record["dynamodb"] for record in event["Records"]]
    delta = Delta(snapshot_of(images[0].get("OldImage")), snapshot_of(images[-1]["NewImage"]))
    posted = fan_out.publish(delta)
    age_ms = time.time_ns() // 1_000_000 - delta.new.ts_ms
    metrics.add_metric("Connections", MetricUnit.Count, posted.reached)
    metrics.add_metric("FramesPosted", MetricUnit.Count, posted.frames)
    metrics.add_metric("PostsFailed", MetricUnit.Count, posted.failures)
    metrics.add_metric("ConnectionsGone", MetricUnit.Count, posted.gone)
    metrics.add_metric("PublishLatency", MetricUnit.Milliseconds, age_ms)
    if not posted.whole:
        reasons = sorted(set(posted.failed.values()))
        missed = posted.failures + posted.unsent
        logger.warning("posts failed", seq=delta.new.seq, connections=missed, reasons=reasons[:3])
    return {"seq": delta.new.seq, "frames": posted.frames}


def snapshot_of(image: dict[str, dict[str, str]] | None) -> Snapshot:
    """The snapshot in a stream image; before the first one there was none."""
    if image is None:
        return Snapshot()
    return unpack_or_restart(base64.b64decode(image["packed"]["B"]), int(image["seq"]["N"]))
