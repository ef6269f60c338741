"""The built page in its bucket.

CDK's own deployment, which brings a Lambda with the AWS CLI: CloudFormation has no resource for an object in a bucket.
"""

from pathlib import Path

from aws_cdk import Acknowledgment, DefaultStackSynthesizer, Stack, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_deployment as deployment
from constructs import Construct

from infra.config import FeedConfig
from infra.log_group import log_group
from infra.security_headers import FOR_EVER, HASHED, REVALIDATED


class PageFiles(Construct):
    """What has a hash in its name first, to be kept by browsers for ever; then what names it, to be asked for again.

    Nothing is taken away: a page that is open since before a deployment may still load its own parts.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, config: FeedConfig, bucket: s3.Bucket, page: Path
    ) -> None:
        super().__init__(scope, construct_id)
        self._logs = log_group(self, "Logs", config)
        # A role of its own: the one that CDK would make has a managed policy that writes to every log there is.
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
        """Tell cdk-nag why CDK's function is as CDK has made it."""
        stack = Stack.of(self)
        page = stack.resolve(bucket.bucket_arn)["Fn::GetAtt"][0]
        qualifier = self.node.try_get_context("@aws-cdk/core:bootstrapQualifier")
        assets = f"cdk-{qualifier or DefaultStackSynthesizer.DEFAULT_QUALIFIER}-assets-<AWS::AccountId>-<AWS::Region>"
        reads = ("Action::s3:GetBucket*", "Action::s3:GetObject*", "Action::s3:List*")
        writes = ("Action::s3:Abort*", "Action::s3:DeleteObject*")
        for reason, findings in (
            ("CDK grants what reads a bucket as one, and so the CLI's copy needs.", reads),
            ("CDK grants what writes a bucket as one, on the page's bucket only.", writes),
            ("It fills this whole bucket, which holds nothing but the page.", (f"Resource::<{page}.Arn>/*",)),
            (
                "CDK's assets have no names that are known beforehand.",
                (f"Resource::arn:<AWS::Partition>:s3:::{assets}/*",),
            ),
        ):
            for finding in findings:
                Validations.of(self._role).acknowledge(
                    Acknowledgment(id=f"AwsSolutions-IAM5[{finding}]", reason=reason)
                )
        (function,) = (each for each in stack.node.children if each.node.id.startswith("Custom::CDKBucketDeployment"))
        Validations.of(function).acknowledge(
            Acknowledgment(id="AwsSolutions-L1", reason="The function and its runtime come with aws-cdk-lib.")
        )
