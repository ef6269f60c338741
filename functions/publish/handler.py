"""The stream's Lambda: what changed in the snapshot, to every connection that sees it."""

import json
import os
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import gateway as door
from shared.publishing.deadline import deadline_s
from shared.publishing.fan_out import FanOut
from shared.publishing.images import Image, delta_of, needed
from shared.publishing.publisher import Publisher
from shared.publishing.report import moment, report
from shared.settings import PublishSettings, read
from shared.store.connections_table import ConnectionsTable
from shared.store.dynamodb import table
from shared.store.progress_table import ProgressTable
from shared.store.quotes_table import QuotesTable

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

MAX_PAYLOAD_BYTES = 1_048_576  # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html

logger, metrics = Logger(), Metrics()
settings = read(PublishSettings, os.environ)
connections_items = table(settings.connections_table)
publisher = Publisher(
    QuotesTable(table(settings.quotes_table)),
    ProgressTable(connections_items),
    FanOut(
        ConnectionsTable(connections_items, settings.connection_shards),
        door.connect(settings.connections_url, rate=settings.post_rate, burst=settings.post_burst),
    ),
    shards=settings.connection_shards,
    connections_per_worker=settings.connections_per_worker,
)
lambdas = boto3.client("lambda") if settings.worker_function else None


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """A batch of several snapshots is one delta: the last new image against the first old one."""
    began = moment()
    images = [record["dynamodb"] for record in event["Records"]]
    old, new = images[0].get("OldImage"), images[-1]["NewImage"]
    delta = delta_of(old, new, settings.ages)
    if lambdas and publisher.needs_workers():
        publisher.delegate(delta, partial(start_worker, lambdas, old, new))
        metrics.add_metric("WorkersStarted", MetricUnit.Count, settings.connection_shards)
        return {"seq": delta.new.seq, "workers": settings.connection_shards}
    posted = publisher.publish(delta, deadline_s(context))
    report(logger, metrics, began, delta, posted)
    return {"seq": delta.new.seq, "frames": posted.frames}


def start_worker(lambdas: "LambdaClient", old: Image | None, new: Image, shard: int) -> None:
    """Hand the compressed snapshots to a worker. It makes the frames: which ones, the shard's subscriptions tell.

    Raises:
        ValueError: together they are larger than an invocation takes.
    """
    payload = json.dumps({"shard": shard, "old": needed(old), "new": needed(new)}).encode()
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"the worker's payload has {len(payload)} bytes; Lambda takes {MAX_PAYLOAD_BYTES}")
    lambdas.invoke(FunctionName=settings.worker_function, InvocationType="Event", Payload=payload)
