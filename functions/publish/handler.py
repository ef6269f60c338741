"""Posts what changed in the snapshot to every connection that sees it. The table's stream invokes it."""

import json
import os
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared.gateway import open_gateway
from shared.publishing.deadline import deadline_s
from shared.publishing.fan_out import FanOut
from shared.publishing.images import Image, change_in, worker_image
from shared.publishing.publisher import Publisher
from shared.publishing.rates_count import RatesCount
from shared.publishing.report import Gaps, moment, report
from shared.settings import PublishSettings, read
from shared.store.connections_table import ConnectionsTable
from shared.store.dynamodb import table
from shared.store.progress_table import ProgressTable
from shared.store.quotes_table import QuotesTable
from shared.store.rates_places import RatesPlaces

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

LATE_TICKS = 2
MAX_PAYLOAD_BYTES = 1_048_576  # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html

logger, metrics = Logger(), Metrics()
settings = read(PublishSettings, os.environ)
connections_items = table(settings.connections_table)
publisher = Publisher(
    QuotesTable(table(settings.quotes_table)),
    ProgressTable(connections_items),
    FanOut(
        ConnectionsTable(connections_items, settings.connection_shards),
        open_gateway(settings.connections_url, rate=settings.post_rate, burst=settings.post_burst),
        settings.rates_change,
    ),
    shards=settings.connection_shards,
    connections_per_worker=settings.connections_per_worker,
    rates_count=RatesCount(RatesPlaces(table(settings.quotes_table)) if settings.max_rates_connections else None),
)
gaps = Gaps()
lambdas = boto3.client("lambda") if settings.worker_function else None


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """A batch of several snapshots is one delta: the last new image against the first old one."""
    began = moment()
    batch, unreadable = change_in([record["dynamodb"] for record in event["Records"]])
    if unreadable:
        # Not an exception: a batch that fails is tried again, and holds up all later ones.
        metrics.add_metric("SnapshotsUnreadable", MetricUnit.Count, unreadable)
        logger.error("snapshots unreadable", snapshots=unreadable, records=len(event["Records"]))
    if batch is None:
        return {"seq": 0, "frames": 0}
    change = publisher.admit(batch, LATE_TICKS * settings.tick_seconds * 1000)
    if change is None:
        metrics.add_metric("RecordsRepeated", MetricUnit.Count, len(event["Records"]))
        logger.warning("records repeated", seq=batch.snapshot.seq)
        return {"seq": batch.snapshot.seq, "frames": 0}
    delta = change.judged(settings.ages)
    if lambdas and publisher.needs_workers():
        publisher.delegate(delta, partial(start_worker, lambdas, change.old, change.new))
        gaps.count(metrics, delta, is_heard=True)
        metrics.add_metric("WorkersStarted", MetricUnit.Count, settings.connection_shards)
        return {"seq": delta.new.seq, "workers": settings.connection_shards}
    posted = publisher.publish(delta, deadline_s(context))
    gaps.count(metrics, delta, is_heard=posted.listening > 0)
    report(logger, metrics, began, delta, posted)
    return {"seq": delta.new.seq, "frames": posted.frames}


def start_worker(lambdas: "LambdaClient", old: Image | None, new: Image, shard: int, audience: str) -> None:
    """Pass the compressed snapshots to a worker, which encodes the frames for its shard's subscriptions, and the
    version of the audience as it was before the worker counts.

    Raises:
        ValueError: the snapshots are too large for an invocation.
    """
    passed = {"shard": shard, "old": worker_image(old), "new": worker_image(new), "audience": audience}
    payload = json.dumps(passed).encode()
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"the worker's payload has {len(payload)} bytes; Lambda accepts {MAX_PAYLOAD_BYTES}")
    lambdas.invoke(FunctionName=settings.worker_function, InvocationType="Event", Payload=payload)
