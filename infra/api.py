"""The WebSocket API, its routes and their Lambdas.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-overview.html
"""

from aws_cdk import Aws, CfnOutput, Duration, Stack
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk.aws_apigatewayv2_integrations import WebSocketLambdaIntegration
from constructs import Construct

from infra.accepted import accept
from infra.access_logs import ERRORS_ONLY, AccessLogs, cfn_stage_of
from infra.config import FeedConfig
from infra.function import FeedFunction
from infra.region_quota import answer_rate, connect_pace, message_pace, rates_places
from infra.secret_pair import SecretPair
from infra.storage import CLIENTS, COUNTS, PACE, SHARDS, Storage
from infra.token_auth import TokenAuth
from shared.protocol import REQUEST_EVENTS, SUBSCRIPTION_EVENTS

CONNECT = "$connect"


class Api(Construct):
    """The API and its stage. Replies are posted, never returned, so no route has a response."""

    def __init__(self, scope: Construct, construct_id: str, *, config: FeedConfig) -> None:
        super().__init__(scope, construct_id)
        self._config = config
        self.functions: dict[str, FeedFunction] = {}
        self.api = apigatewayv2.WebSocketApi(
            self, "WebSocket", api_name=config.stack_name, route_selection_expression="$request.body.event"
        )
        messages = message_pace(config)
        self.stage = apigatewayv2.WebSocketStage(
            self,
            "Stage",
            web_socket_api=self.api,
            stage_name=config.stage_name,
            auto_deploy=True,
            throttle=apigatewayv2.ThrottleSettings(rate_limit=messages.rate, burst_limit=messages.burst),
        )
        AccessLogs(self, "AccessLogs", config=config, stage=self.stage)
        base = config.connections_url_base
        # An emulator has its own address. On AWS the stage's address is right, even behind a custom domain.
        self.connections_url = f"{base}/{self.api.api_id}/{config.stage_name}" if base else self.stage.callback_url
        CfnOutput(Stack.of(self), "ApiId", value=self.api.api_id)
        self.origin_secret = self._origin_secret() if config.has_edge else None

    def add_routes(self, storage: Storage, ingest: FeedFunction, backfill: FeedFunction | None) -> None:
        """Create the Lambdas behind the routes, each with its grants."""
        connections = {
            "CONNECTIONS_TABLE": storage.connections.table_name,
            "CONNECTION_SHARDS": str(self._config.connection_shards),
        }
        counted = {
            **connections,
            "CONNECTIONS_URL": self.connections_url,
            "MESSAGES_PER_MINUTE": str(self._config.messages_per_minute),
            "MESSAGE_BURST": str(self._config.message_burst),
        }
        clients = {
            **counted,
            "QUOTES_TABLE": storage.quotes.table_name,
            "TICK_SECONDS": str(self._config.tick_seconds),
            "STALE_AFTER_SECONDS": str(self._config.stale_after_seconds),
            "RATES": str(self._config.rates).lower(),
            "RATES_CHANGE": self._config.rates_change,
            "ANSWER_RATE": str(answer_rate(self._config)),
        }
        quotes, table = storage.quotes.table_arn, storage.connections.table_arn
        rates = {
            "MAX_RATES_CONNECTIONS": str(rates_places(self._config)),
            "RATES_EVERY_SECONDS": str(self._config.rates_every_s),
            "MAX_RATES_CONNECTIONS_PER_CLIENT": str(self._config.max_rates_connections_per_client),
            "MAX_RATES_CONNECTIONS_PER_BLOCK": str(self._config.max_rates_connections_per_block),
        }
        subscribe = self._function("subscribe", {**clients, **rates, "INGEST_FUNCTION": ingest.function.function_name})
        self._allow_counting(subscribe, table, PACE)
        if self._config.max_rates_connections_per_client or self._config.max_rates_connections_per_block:
            subscribe.allow_items(table, {"UpdateItem": [CLIENTS], "Query": [CLIENTS]})
        subscribe.allow_items(
            quotes, {"GetItem": ["SNAPSHOT", "LEASE", "AUDIENCE"], "UpdateItem": ["AUDIENCE", "LEASE"]}
        )
        subscribe.allow(["lambda:InvokeFunction"], [ingest.function.function_arn])
        self.allow_posts(subscribe)

        name = {"BACKFILL_FUNCTION": backfill.function.function_name} if backfill else {}
        request = self._function("request", {**clients, **name})
        self._allow_counting(request, table, PACE)
        request.allow_items(quotes, {"GetItem": ["SNAPSHOT", "EXPLAIN", "TRENDS"], "Query": ["CANDLE#*", "PAST#*"]})
        if backfill:
            request.allow(["lambda:InvokeFunction"], [backfill.function.function_arn])
        self.allow_posts(request)

        connect, disconnect = self._connections(counted, storage)
        tokens = TokenAuth(self, config=self._config) if self._config.needs_token else None
        if tokens:
            self.functions[tokens.function.service] = tokens.function
        for function, routes in (
            (connect, [CONNECT]),
            (disconnect, ["$disconnect"]),
            (subscribe, SUBSCRIPTION_EVENTS),
            (request, (*REQUEST_EVENTS, "$default")),
        ):
            integration = WebSocketLambdaIntegration(f"{function.node.id}Integration", function.function)
            for key in routes:
                authorizer = tokens.authorizer if tokens and key == CONNECT else None
                route = self.api.add_route(key, integration=integration, authorizer=authorizer)
                if key == CONNECT:
                    self._throttle(route)
        reason = "The feed is public: anyone may connect and listen."
        if tokens:
            reason = "Only $connect can have an authorizer: the other routes serve the clients that it let in."
        accept(self.api, {"AwsSolutions-APIG4": reason})

    def _throttle(self, connect: apigatewayv2.WebSocketRoute) -> None:
        """Give `$connect` a pace of its own, always: what a stage has once keeps a route's settings after they have
        left the template. API Gateway takes a route's settings only with the route, and for the whole of it.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-apigatewayv2-stage-routesettings.html
        """
        pace = connect_pace(self._config)
        throttle = {"ThrottlingRateLimit": pace.rate, "ThrottlingBurstLimit": pace.burst}
        cfn_stage_of(self.stage).route_settings = {CONNECT: {**ERRORS_ONLY, **throttle}}
        self.stage.node.add_dependency(connect)

    def _origin_secret(self) -> SecretPair:
        """What the edge sends with every handshake."""
        secret = SecretPair(self, "Origin", description=f"{self._config.stack_name}: the edge's, for $connect")
        CfnOutput(Stack.of(self), "OriginSecret", value=secret.arn, description="The secret that the edge sends")
        return secret

    def _connections(self, connections: dict[str, str], storage: Storage) -> tuple[FeedFunction, FeedFunction]:
        """`connect` and `disconnect`, which also answer messages that name their routes."""
        config, table = self._config, storage.connections.table_arn
        limits = {
            "MAX_CONNECTIONS_PER_CLIENT": config.max_connections_per_client,
            "MAX_CONNECTIONS_PER_BLOCK": config.max_connections_per_block,
            "MAX_CONNECTIONS": config.max_connections,
        }
        entrance = {"DIRECT": str(config.direct).lower(), "TOKENS": str(config.needs_token).lower()}
        if self.origin_secret:
            entrance["ORIGIN_SECRET"] = self.origin_secret.arn
        if config.allowed_origins:
            entrance["ALLOWED_ORIGINS"] = config.allowed_origins
        # Logs do not have the stack's ID, whose random part serves as the key.
        key = {"ADDRESS_KEY": Aws.STACK_ID} if config.hash_addresses else {}
        connect = self._function(
            "connect", {**connections, **entrance, **{name: str(most) for name, most in limits.items()}, **key}
        )
        # A token may have a limit of its own.
        per_viewer = config.max_connections_per_client or config.max_connections_per_block or config.needs_token
        places = [CLIENTS] if per_viewer else []
        counts = [COUNTS] if config.max_connections else []
        connect.allow_items(table, {"PutItem": [SHARDS, *places]})
        if places:
            connect.allow_items(table, {"DeleteItem": places})
        if places or counts:
            connect.allow_items(table, {"Query": [*places, *counts]})
        if self.origin_secret:
            self.origin_secret.allow_read(connect)

        disconnect = self._function("disconnect", connections)
        disconnect.allow_items(table, {"DeleteItem": [SHARDS, CLIENTS], "PutItem": [CLIENTS]})
        for function in (connect, disconnect):
            self._allow_counting(function, table)
            self.allow_posts(function)
        return connect, disconnect

    def _allow_counting(self, function: FeedFunction, table: str, *updated: str) -> None:
        """Let a function find a connection, and count its messages. A query finds the other numbers of shards that are
        in use: a connection may be made with one of them."""
        function.allow_items(table, {"GetItem": [SHARDS], "UpdateItem": [SHARDS, *updated], "Query": [SHARDS]})

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
