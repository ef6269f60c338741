"""Uploads the built page to its bucket.

Uses CDK's BucketDeployment, a Lambda with the AWS CLI: CloudFormation has no resource for an object in a bucket.
"""

from pathlib import Path

from aws_cdk import DefaultStackSynthesizer, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_deployment as deployment
from constructs import Construct

from infra.accepted import accept
from infra.config import FeedConfig
from infra.log_group import log_group
from infra.security_headers import FOR_EVER, HASHED, REVALIDATED


class PageFiles(Construct):
    """Uploads the files with a hash in their name first, which browsers keep forever, then the files that name them.

    Nothing is deleted: a page that was opened before a deployment may still load its own parts.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, config: FeedConfig, bucket: s3.Bucket, page: Path
    ) -> None:
        super().__init__(scope, construct_id)
        self._logs = log_group(self, "Logs", config)
        # CDK's own role would have a managed policy that may write to every log.
        self._role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        self._role.add_to_policy(
            iam.PolicyStatement(
                actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[self._logs.log_group_arn]
            )
        )
        folder = HASHED.strip("/")
        parts = self._deploy("Parts", bucket, page / folder, FOR_EVER, prefix=folder)
        index = self._deploy("Index", bucket, page, REVALIDATED, exclude=[folder, f"{folder}/**"])
        index.node.add_dependency(parts)
        self._explain_findings(bucket)

    def _deploy(
        self,
        construct_id: str,
        bucket: s3.Bucket,
        folder: Path,
        cache_control: str,
        *,
        prefix: str | None = None,
        exclude: list[str] | None = None,
    ) -> deployment.BucketDeployment:
        return deployment.BucketDeployment(
            self,
            construct_id,
            destination_bucket=bucket,
            destination_key_prefix=prefix,
            sources=[deployment.Source.asset(str(folder), exclude=exclude)],
            cache_control=[deployment.CacheControl.from_string(cache_control)],
            prune=False,
            role=self._role,
            log_group=self._logs,
        )

    def _explain_findings(self, bucket: s3.Bucket) -> None:
        """Tell cdk-nag why CDK's function is as it is."""
        stack = Stack.of(self)
        page = stack.resolve(bucket.bucket_arn)["Fn::GetAtt"][0]
        qualifier = self.node.try_get_context("@aws-cdk/core:bootstrapQualifier")
        assets = f"cdk-{qualifier or DefaultStackSynthesizer.DEFAULT_QUALIFIER}-assets-<AWS::AccountId>-<AWS::Region>"
        reads = ("Action::s3:GetBucket*", "Action::s3:GetObject*", "Action::s3:List*")
        writes = ("Action::s3:Abort*", "Action::s3:DeleteObject*")
        for reason, findings in (
            ("CDK grants all reads of a bucket together, and the CLI's copy needs them.", reads),
            ("CDK grants all writes of a bucket together, on the page's bucket only.", writes),
            ("It fills this whole bucket, which holds only the page.", (f"Resource::<{page}.Arn>/*",)),
            (
                "The names of CDK's assets are not known in advance.",
                (f"Resource::arn:<AWS::Partition>:s3:::{assets}/*",),
            ),
        ):
            for finding in findings:
                accept(self._role, {f"AwsSolutions-IAM5[{finding}]": reason})
        (function,) = (each for each in stack.node.children if each.node.id.startswith("Custom::CDKBucketDeployment"))
        came = "The function and its runtime come with aws-cdk-lib."
        accept(
            function,
            {
                "AwsSolutions-L1": came,
                "Serverless-LambdaLatestVersion": came,
                "Serverless-LambdaTracing": "It runs in a deployment only, and CDK offers no tracing for it.",
                "Serverless-LambdaDLQ": "CloudFormation calls it and fails the deployment if it fails.",
            },
        )
