"""The APIs' logs: an access line per connection, message, disconnection and document, and the WebSocket's own errors.

https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-logging.html
"""

import json
from collections.abc import Mapping

from aws_cdk import ArnFormat, RemovalPolicy, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.accepted import accept
from infra.config import FeedConfig
from infra.log_group import log_group

# The fields of a line about any request, each with API Gateway's variable.
_OF_EVERY_REQUEST = {
    "requestId": "requestId",
    "requestTime": "requestTime",
    "status": "status",
    "error": "error.message",
    "errorType": "error.responseType",
    "integrationStatus": "integration.status",
    "integrationError": "integration.error",
    "integrationLatency": "integrationLatency",
}
# What clients choose, and can make long, comes last: what is cut off a long line is none of the others.
_CHOSEN_BY_CLIENTS = {"userAgent": "identity.userAgent"}
# A line about a message or a connection.
FIELDS = _OF_EVERY_REQUEST | {name: name for name in ("connectionId", "eventType", "routeKey", "messageId")}
# A line about a document. Behind CloudFront the address is CloudFront's.
HTTP_FIELDS = _OF_EVERY_REQUEST | {"method": "httpMethod", "bytes": "responseLength", "path": "path"}
ADDRESS = {"address": "identity.sourceIp"}
# The execution log of a route: only errors, without the messages themselves.
ERRORS_ONLY = {"LoggingLevel": "ERROR", "DataTraceEnabled": False}
MANAGED_POLICY = "service-role/AmazonAPIGatewayPushToCloudWatchLogs"


def cfn_stage_of(stage: apigatewayv2.IStage) -> apigatewayv2.CfnStage:
    """The stage in CloudFormation, for what CDK's own does not offer."""
    cfn_stage = stage.node.default_child
    if not isinstance(cfn_stage, apigatewayv2.CfnStage):
        raise TypeError("the stage is not a CloudFormation stage")
    return cfn_stage


def write_access_log(
    scope: Construct, stage: apigatewayv2.IStage, config: FeedConfig, fields: Mapping[str, str]
) -> apigatewayv2.CfnStage:
    """Make a stage write a line of these fields per request, to a log group of its own. Returns the stage."""
    cfn_stage = cfn_stage_of(stage)
    address = {} if config.hash_addresses else ADDRESS
    told = {**address, **fields, **_CHOSEN_BY_CLIENTS}
    # The group's own ARN ends in `:*`, which API Gateway refuses or reports as drift.
    destination = Stack.of(scope).format_arn(
        service="logs",
        resource="log-group",
        resource_name=log_group(scope, "Logs", config).log_group_name,
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    cfn_stage.access_log_settings = apigatewayv2.CfnStage.AccessLogSettingsProperty(
        destination_arn=destination,
        format=json.dumps({field: f"$context.{variable}" for field, variable in told.items()}),
    )
    return cfn_stage


class AccessLogs(Construct):
    """A stage's access log and execution log, and the account's role with which API Gateway writes them.

    API Gateway cannot hash, so with `hash_addresses` its lines have no address; `connect` logs the hash.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, config: FeedConfig, stage: apigatewayv2.WebSocketStage
    ) -> None:
        super().__init__(scope, construct_id)
        cfn_stage = write_access_log(self, stage, config, FIELDS)
        for name, value in ERRORS_ONLY.items():
            cfn_stage.add_property_override(f"DefaultRouteSettings.{name}", value)
        # Made here, the group expires and goes with the stack.
        errors = log_group(self, "Errors", config, name=f"/aws/apigateway/{stage.api.api_id}/{config.stage_name}")
        stage.node.add_dependency(errors)
        if config.access_log_role:
            cfn_stage.add_resource_dependency(self._account_role())

    def _account_role(self) -> apigateway.CfnAccount:
        """The role with which API Gateway writes logs, one per account and Region. Other stacks use it, so it stays.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
        """
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
            managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name(MANAGED_POLICY)],
        )
        role.apply_removal_policy(RemovalPolicy.RETAIN)
        finding = f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{MANAGED_POLICY}]"
        accept(role, {finding: "AWS documents this managed policy for this role."})
        account = apigateway.CfnAccount(self, "Account", cloud_watch_role_arn=role.role_arn)
        account.apply_removal_policy(RemovalPolicy.RETAIN)
        return account
