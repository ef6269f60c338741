"""The publisher of one shard, started by `publish` when there are more connections than one of them serves."""

import os
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from shared import gateway as door
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
        door.connect(settings.connections_url, rate=settings.post_rate, burst=settings.post_burst),
    ),
)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Post the delta to the shard's connections, unless that has been begun or overtaken."""
    began = moment()
    delta = delta_of(event["old"], event["new"], settings.ages)
    posted = worker.publish(delta, event["shard"], deadline_s(context))
    if posted is None:
        metrics.add_metric("WorkersOvertaken", MetricUnit.Count, 1)
        logger.warning("overtaken", seq=delta.new.seq, shard=event["shard"])
        return {"seq": delta.new.seq, "frames": 0}
    report(logger, metrics, began, delta, posted)
    return {"seq": delta.new.seq, "frames": posted.frames}
