"""The API's access log: one line per connection, message and disconnection.

https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-logging.html
"""

import json

from aws_cdk import Acknowledgment, ArnFormat, RemovalPolicy, Stack, Validations
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.config import FeedConfig
from infra.log_group import log_group

FIELDS = ("requestId", "requestTime", "connectionId", "eventType", "routeKey", "status", "error.message")
MANAGED_POLICY = "service-role/AmazonAPIGatewayPushToCloudWatchLogs"


class AccessLogs(Construct):
    """A stage's access log, and the account's role with which API Gateway writes it."""

    def __init__(
        self, scope: Construct, construct_id: str, *, config: FeedConfig, stage: apigatewayv2.WebSocketStage
    ) -> None:
        super().__init__(scope, construct_id)
        cfn_stage = stage.node.default_child
        if not isinstance(cfn_stage, apigatewayv2.CfnStage):
            raise TypeError("the stage is not a CloudFormation stage")
        # The group's own ARN ends in `:*`, which API Gateway refuses or reports as drift.
        destination = Stack.of(self).format_arn(
            service="logs",
            resource="log-group",
            resource_name=log_group(self, "Logs", config).log_group_name,
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        cfn_stage.access_log_settings = apigatewayv2.CfnStage.AccessLogSettingsProperty(
            destination_arn=destination,
            format=json.dumps({field: f"$context.{field}" for field in FIELDS}),
        )
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
        Validations.of(role).acknowledge(
            Acknowledgment(
                id=f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{MANAGED_POLICY}]",
                reason="AWS documents this managed policy for this role.",
            )
        )
        account = apigateway.CfnAccount(self, "Account", cloud_watch_role_arn=role.role_arn)
        account.apply_removal_policy(RemovalPolicy.RETAIN)
        return account
