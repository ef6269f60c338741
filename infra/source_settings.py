"""The settings of sources for the Lambdas that ask them, and the grant to read their keys."""

from aws_cdk import Stack

from infra.config import FeedConfig
from infra.function import FeedFunction
from shared.sources.settings import KEY_PARAMETER


def source_environment(config: FeedConfig) -> dict[str, str]:
    """The chosen settings as environment variables."""
    return {setting.name.upper(): chosen for setting, chosen in config.sources.items()}


def allow_keys(function: FeedFunction, config: FeedConfig) -> None:
    """Let a function read the parameters that hold the chosen keys. SecureStrings use the key that AWS manages for SSM,
    which needs no grant."""
    names = [chosen for setting, chosen in config.sources.items() if setting.kind == KEY_PARAMETER]
    stack = Stack.of(function)
    arns = [stack.format_arn(service="ssm", resource="parameter", resource_name=name.lstrip("/")) for name in names]
    if arns:
        function.allow(["ssm:GetParameter"], arns)
