"""A secret in Secrets Manager that can be replaced while everything runs: `shared/connecting/secret_pair.py`."""

import json

from aws_cdk import RemovalPolicy
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.accepted import accept
from infra.function import FeedFunction
from shared.connecting.secret_pair import CURRENT, OTHER

LENGTH = 48  # letters and digits: 285 bits


class SecretPair(Construct):
    """A generated secret. No template, output or variable of a function contains it."""

    def __init__(self, scope: Construct, construct_id: str, *, description: str) -> None:
        super().__init__(scope, construct_id)
        self.secret = secretsmanager.Secret(
            self,
            "Secret",
            description=description,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template=json.dumps({OTHER: ""}),
                generate_string_key=CURRENT,
                exclude_punctuation=True,
                password_length=LENGTH,
            ),
            removal_policy=RemovalPolicy.DESTROY,
        )
        why = "`make rotate` replaces it in steps: those who send it change after those who check it."
        accept(self.secret, {"AwsSolutions-SMG4": why})

    @property
    def arn(self) -> str:
        """By which a function or a command finds it. `Ref` is the ARN on AWS only, `Id` in an emulator, too."""
        resource = self.secret.node.default_child
        if not isinstance(resource, secretsmanager.CfnSecret):
            raise TypeError("the secret is not a CloudFormation secret")
        return resource.attr_id

    @property
    def reference(self) -> str:
        """The current secret, as CloudFormation will fill it in. The template has only the reference.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-secretsmanager.html
        """
        return self.secret.secret_value_from_json(CURRENT).unsafe_unwrap()

    def allow_read(self, function: FeedFunction) -> None:
        function.allow(["secretsmanager:GetSecretValue"], [self.arn])
