"""`auth=token`: the authorizer that lets only handshakes with a valid token go on to `connect`, and its keys."""

from aws_cdk import CfnOutput, Stack
from aws_cdk.aws_apigatewayv2_authorizers import WebSocketLambdaAuthorizer
from constructs import Construct

from infra.config import FeedConfig
from infra.function import FeedFunction
from infra.secret_pair import SecretPair

AUTHORIZER_TIMEOUT_S = 10


class TokenAuth:
    """The function `authorize`, the pair of keys that it reads, and the authorizer for `$connect`.

    A token comes in one of two places. API Gateway refuses what lacks any identity source that it knows, so it gets
    none and asks the function for each handshake; a WebSocket API caches no answer. An empty list is not a missing one:
    the CDK would ask for a header `Authorization`, and so would an emulator.
    https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-authorizers.html
    """

    def __init__(self, scope: Construct, *, config: FeedConfig) -> None:
        keys = SecretPair(scope, "Token", description=f"{config.stack_name}: the keys that sign clients' tokens")
        self.function = FeedFunction(
            scope,
            "Authorize",
            name="authorize",
            config=config,
            environment={"TOKEN_KEYS": keys.arn, "AUDIENCE": config.stack_name},
            memory_mb=512,
            timeout_s=AUTHORIZER_TIMEOUT_S,
        )
        keys.allow_read(self.function)
        self.authorizer = WebSocketLambdaAuthorizer("Authorizer", self.function.function, identity_source=[])
        CfnOutput(Stack.of(scope), "TokenKeys", value=keys.arn, description="The secret with the keys of tokens")
