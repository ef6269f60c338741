"""The HTTP API of the documents, and its Lambda.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api.html
"""

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from infra.accepted import accept
from infra.access_logs import HTTP_FIELDS, write_access_log
from infra.config import FeedConfig
from infra.function import FeedFunction
from infra.region_quota import document_pace
from infra.storage import Storage


class Documents(Construct):
    """The API and its only stage, which has no name in its paths. Every path is the Lambda's, which knows which exist.

    The throttle is small: a cache asks once a tick, and a client that goes round the caches shall not take the
    account's Lambdas or its quota of API Gateway from the feed.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, config: FeedConfig, storage: Storage, ingest: FeedFunction
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = FeedFunction(
            self,
            "Documents",
            name="documents",
            config=config,
            memory_mb=512,
            timeout_s=29,  # API Gateway waits no longer
            environment={
                "QUOTES_TABLE": storage.quotes.table_name,
                "TICK_SECONDS": str(config.tick_seconds),
                "STALE_AFTER_SECONDS": str(config.stale_after_seconds),
                "INGEST_FUNCTION": ingest.function.function_name,
            },
        )
        self.function.allow_items(
            storage.quotes.table_arn,
            {
                "GetItem": ["SNAPSHOT", "LEASE", "AUDIENCE"],
                "UpdateItem": ["AUDIENCE", "LEASE"],
                "Query": ["CANDLE#*", "PAST#*"],
            },
        )
        self.function.allow(["lambda:InvokeFunction"], [ingest.function.function_arn])
        self.api = apigatewayv2.HttpApi(
            self,
            "Http",
            api_name=f"{config.stack_name}-documents",
            create_default_stage=False,
            default_integration=HttpLambdaIntegration("Integration", self.function.function),
        )
        accept(self.api, {"AwsSolutions-APIG4": "The documents are public: anyone may read them."})
        self.pace = document_pace(config)
        stage = apigatewayv2.HttpStage(
            self,
            "Stage",
            http_api=self.api,
            stage_name="$default",
            auto_deploy=True,
            throttle=apigatewayv2.ThrottleSettings(rate_limit=self.pace.rate, burst_limit=self.pace.burst),
        )
        write_access_log(stage, stage, config, HTTP_FIELDS)
        CfnOutput(Stack.of(self), "DocumentsApi", value=self.api.api_id)

    def metric(self, name: str) -> cloudwatch.Metric:
        """A metric of the API itself, summed up over a minute.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html
        """
        return cloudwatch.Metric(
            namespace="AWS/ApiGateway",
            metric_name=name,
            dimensions_map={"ApiId": self.api.api_id},
            statistic="Sum",
            period=Duration.minutes(1),
        )
