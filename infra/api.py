"""The WebSocket API, its routes and their Lambdas.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-overview.html
"""

from aws_cdk import Acknowledgment, Aws, CfnOutput, Duration, Stack, Validations
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk.aws_apigatewayv2_integrations import WebSocketLambdaIntegration
from constructs import Construct

from infra.access_logs import AccessLogs
from infra.config import FeedConfig
from infra.function import FeedFunction
from infra.storage import CLIENTS, SHARDS, Storage
from shared.protocol import REQUEST_EVENTS, SUBSCRIPTION_EVENTS


class Api(Construct):
    """The API and its stage. Replies are posted, never returned, so no route has a response."""

    def __init__(self, scope: Construct, construct_id: str, *, config: FeedConfig) -> None:
        super().__init__(scope, construct_id)
        self._config = config
        self.functions: dict[str, FeedFunction] = {}
        self.api = apigatewayv2.WebSocketApi(
            self, "WebSocket", api_name=config.stack_name, route_selection_expression="$request.body.event"
        )
        self.stage = apigatewayv2.WebSocketStage(
            self,
            "Stage",
            web_socket_api=self.api,
            stage_name=config.stage_name,
            auto_deploy=True,
            throttle=apigatewayv2.ThrottleSettings(rate_limit=config.throttle_rate, burst_limit=config.throttle_burst),
        )
        AccessLogs(self, "AccessLogs", config=config, stage=self.stage)
        base = config.connections_url_base
        # An emulator has its own address. On AWS the stage's address is right, even behind a custom domain.
        self.connections_url = f"{base}/{self.api.api_id}/{config.stage_name}" if base else self.stage.callback_url
        CfnOutput(Stack.of(self), "ApiId", value=self.api.api_id)

    def add_routes(self, storage: Storage, ingest: FeedFunction, backfill: FeedFunction | None) -> None:
        """Create the Lambdas behind the routes, each with its grants."""
        connections = {
            "CONNECTIONS_TABLE": storage.connections.table_name,
            "CONNECTION_SHARDS": str(self._config.connection_shards),
        }
        clients = {
            **connections,
            "QUOTES_TABLE": storage.quotes.table_name,
            "TICK_SECONDS": str(self._config.tick_seconds),
            "STALE_AFTER_SECONDS": str(self._config.stale_after_seconds),
            "CONNECTIONS_URL": self.connections_url,
            "MESSAGES_PER_SECOND": str(self._config.messages_per_second),
            "MESSAGE_BURST": str(self._config.message_burst),
        }
        most = self._config.max_connections_per_client
        limited = {**connections, "MAX_CONNECTIONS_PER_CLIENT": str(most)}
        # Logs do not have the stack's ID, whose random part serves as the key.
        key = {"ADDRESS_KEY": Aws.STACK_ID} if self._config.hash_addresses else {}
        connect = self._function("connect", {**limited, **key})
        quotes, table = storage.quotes.table_arn, storage.connections.table_arn
        connect.allow_items(table, {"PutItem": [SHARDS, *([CLIENTS] if most else [])]})
        if most:
            connect.allow_items(table, {"Query": [CLIENTS], "DeleteItem": [CLIENTS]})

        disconnect = self._function("disconnect", limited)
        # A query finds the other numbers of shards that are in use: a connection may have been made with one of them.
        disconnect.allow_items(table, {"DeleteItem": [SHARDS, *([CLIENTS] if most else [])], "Query": [SHARDS]})

        subscribe = self._function("subscribe", {**clients, "INGEST_FUNCTION": ingest.function.function_name})
        subscribe.allow_items(table, {action: [SHARDS] for action in ("GetItem", "UpdateItem", "Query")})
        subscribe.allow_items(quotes, {"GetItem": ["SNAPSHOT", "LEASE"], "UpdateItem": ["AUDIENCE", "LEASE"]})
        subscribe.allow(["lambda:InvokeFunction"], [ingest.function.function_arn])
        self.allow_posts(subscribe)

        name = {"BACKFILL_FUNCTION": backfill.function.function_name} if backfill else {}
        request = self._function("request", {**clients, **name})
        request.allow_items(table, {action: [SHARDS] for action in ("GetItem", "UpdateItem", "Query")})
        request.allow_items(quotes, {"GetItem": ["SNAPSHOT", "EXPLAIN", "TRENDS"], "Query": ["CANDLE#*", "PAST#*"]})
        if backfill:
            request.allow(["lambda:InvokeFunction"], [backfill.function.function_arn])
        self.allow_posts(request)

        for function, routes in (
            (connect, ["$connect"]),
            (disconnect, ["$disconnect"]),
            (subscribe, SUBSCRIPTION_EVENTS),
            (request, (*REQUEST_EVENTS, "$default")),
        ):
            integration = WebSocketLambdaIntegration(f"{function.node.id}Integration", function.function)
            for route in routes:
                self.api.add_route(route, integration=integration)
        Validations.of(self.api).acknowledge(
            Acknowledgment(id="AwsSolutions-APIG4", reason="The feed is public: anyone may connect and listen.")
        )

    def metric(self, name: str, statistic: str = "Sum", period: Duration | None = None) -> cloudwatch.Metric:
        """A metric that API Gateway writes about this stage, per minute by default.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-logging.html
        """
        return cloudwatch.Metric(
            namespace="AWS/ApiGateway",
            metric_name=name,
            dimensions_map={"ApiId": self.api.api_id, "Stage": self._config.stage_name},
            statistic=statistic,
            period=period or Duration.minutes(1),
        )

    def allow_posts(self, function: FeedFunction) -> None:
        """Let a function post to the connections of this API, and close those of clients that send too much or read
        nothing, but not ask about them."""
        self._allow_connections(function, "POST")
        self._allow_connections(function, "DELETE")

    def _allow_connections(self, function: FeedFunction, method: str) -> None:
        resource = f"{self._config.stage_name}/{method}/@connections/*"
        arn = Stack.of(self).format_arn(service="execute-api", resource=self.api.api_id, resource_name=resource)
        function.allow(["execute-api:ManageConnections"], [arn])
        api = Stack.of(self).resolve(self.api.api_id)["Ref"]
        function.explain_wildcard(
            f"Connection IDs are not known in advance; the grant is limited to {method} on this stage.",
            f"Resource::arn:<AWS::Partition>:execute-api:<AWS::Region>:<AWS::AccountId>:<{api}>/{resource}",
        )

    def _function(self, name: str, environment: dict[str, str]) -> FeedFunction:
        self.functions[name] = FeedFunction(
            self,
            name.capitalize(),
            name=name,
            config=self._config,
            environment=environment,
            memory_mb=512,
            timeout_s=29,  # API Gateway waits no longer
        )
        return self.functions[name]
