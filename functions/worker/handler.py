"""Publishes to one shard. `publish` starts it if there are too many connections for one function."""

import os
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared.gateway import open_gateway
from shared.publishing.deadline import deadline_s
from shared.publishing.fan_out import FanOut
from shared.publishing.images import delta_of
from shared.publishing.publisher import Worker
from shared.publishing.report import moment, report
from shared.settings import PublishSettings, read
from shared.store.connections_table import ConnectionsTable
from shared.store.dynamodb import table
from shared.store.progress_table import ProgressTable

logger, metrics = Logger(), Metrics()
settings = read(PublishSettings, os.environ)
items = table(settings.connections_table)
worker = Worker(
    ProgressTable(items),
    FanOut(
        ConnectionsTable(items, settings.connection_shards),
        open_gateway(settings.connections_url, rate=settings.post_rate, burst=settings.post_burst),
        settings.rates_change,
    ),
)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Post the delta to the shard's connections, unless a worker has begun this delta or a newer one."""
    began = moment()
    delta = delta_of(event["old"], event["new"], settings.ages)
    posted = worker.publish(delta, event["shard"], deadline_s(context), event.get("audience", ""))
    if posted is None:
        metrics.add_metric("WorkersOvertaken", MetricUnit.Count, 1)
        logger.warning("overtaken", seq=delta.new.seq, shard=event["shard"])
        return {"seq": delta.new.seq, "frames": 0}
    report(logger, metrics, began, delta, posted)
    return {"seq": delta.new.seq, "frames": posted.frames}
