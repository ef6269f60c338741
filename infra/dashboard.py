"""The dashboard: is the feed well, how many listen, and what it costs.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from collections.abc import Sequence

from aws_cdk import Aws, CfnOutput, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.api import Api
from infra.documents import Documents
from infra.ingest import Ingest
from infra.publish import Publish
from infra.storage import Storage
from shared.sources.all_sources import SOURCES

WIDTH, HEIGHT = 8, 6  # three in a row of 24
DAY = Duration.days(1)
OUTCOMES = ("Posts", "PostsThrottled", "PostsFailed", "PostsRefused")
OF_READERS = ("Count", "4xx")
OF_CLIENTS = ("ConnectCount", "ClientError", "IntegrationError")


class Dashboard(Construct):
    """Rows of three graphs, and the stack's output with the address. The first three of an account are free."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        storage: Storage,
        ingest: Ingest,
        publish: Publish,
        api: Api,
        documents: Documents | None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._posters = [publish.function, *([publish.worker] if publish.worker else [])]
        board = cloudwatch.Dashboard(self, "Dashboard", default_interval=Duration.hours(3))
        source_down = [
            ingest.function.metric("SourceDown", "Sum", source=source).with_(label=source)
            for source in (make().name for make in SOURCES)
        ]
        held = [ingest.function.metric(name, "Maximum") for name in ("PricesHeld", "CandlesPending")]
        ticks = [ingest.function.metric("TickDuration", statistic) for statistic in ("Average", "Maximum")]
        tables = [
            cloudwatch.Metric(
                namespace="AWS/DynamoDB",
                metric_name=f"Consumed{what}CapacityUnits",
                dimensions_map={"TableName": table.table_name},
                statistic="Sum",
                period=DAY,
                label=f"{name}, {what.lower()} units",
            )
            for name, table in (("quotes", storage.quotes), ("connections", storage.connections))
            for what in ("Read", "Write")
        ]
        run_time = [
            function.function.metric_duration(statistic="Sum", period=DAY).with_(label=function.service)
            for function in (
                ingest.function,
                *self._posters,
                *api.functions.values(),
                *([documents.function] if documents else []),
            )
        ]
        board.add_widgets(
            graph("Quotes' age, ms", [ingest.function.metric("QuotesAge", "Maximum")]),
            graph("Ticks in which a source was down", source_down),
            graph("Prices held, candles pending", held),
        )
        board.add_widgets(
            graph("Posts by outcome", self._of_posters(OUTCOMES, "Sum")),
            graph("Connections", self._of_posters(("Connections", "ConnectionsUnsent", "SlowClients"), "Maximum")),
            graph(
                "Messages of clients and requests for documents",
                [api.metric(name) for name in OF_CLIENTS]
                + [documents.metric(name).with_(label=f"documents {name}") for name in OF_READERS if documents],
            ),
        )
        board.add_widgets(
            graph("Tick, ms", ticks),
            graph("Fan-out, ms", self._of_posters(("PostingTime", "PublishLatency"), "Maximum")),
            graph("Time between snapshots, ms", [publish.function.metric("SnapshotGap", "Maximum")]),
        )
        board.add_widgets(
            graph("Messages a day", [api.metric("MessageCount", period=DAY)]),
            graph("Functions' run time a day, ms", run_time),
            graph("DynamoDB units a day", tables),
        )
        CfnOutput(
            Stack.of(self),
            "DashboardUrl",
            value=f"https://{Aws.REGION}.console.aws.amazon.com/cloudwatch/home?region={Aws.REGION}"
            f"#dashboards/dashboard/{board.dashboard_name}",
            description="What the feed does, on one page",
        )

    def _of_posters(self, names: Sequence[str], statistic: str) -> list[cloudwatch.Metric]:
        return [
            poster.metric(name, statistic).with_(label=f"{poster.service} {name}")
            for poster in self._posters
            for name in names
        ]


def graph(title: str, metrics: Sequence[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=WIDTH, height=HEIGHT)
