"""The page, the feed and its documents on one address: CloudFront before a private bucket and both APIs.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/distribution-working-with.websockets.html
"""

from pathlib import Path

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.accepted import accept
from infra.api import Api
from infra.cache_times import LATE_KEPT_S
from infra.config import FeedConfig
from infra.documents import Documents
from infra.edge_functions import to_document, to_file, to_stage, with_headers
from infra.feed_paths import FEED_PATH, FEED_PATTERNS
from infra.page_files import PageFiles
from infra.pricing_plan import subscribe
from infra.web_acl import web_acl_arn
from shared.connecting import headers
from shared.documents.paths import PATTERNS


class Site(Construct):
    """The CloudFront distribution of the page and the feed. `page` is the folder with the built page.

    Raises:
        FileNotFoundError: the page is not built.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: FeedConfig,
        api: Api,
        documents: Documents | None,
        page: Path,
    ) -> None:
        super().__init__(scope, construct_id)
        if not (page / "index.html").exists():
            raise FileNotFoundError(
                f"{page} holds no built page; run `make setup`, or leave the page out: -c site=false"
            )
        self._config = config
        bucket = self._bucket("Page", s3.ObjectOwnership.BUCKET_OWNER_ENFORCED)
        accept(bucket, {"AwsSolutions-S1": "Only CloudFront can read it, and CloudFront has its own log."})
        PageFiles(self, "Files", config=config, bucket=bucket, page=page)
        behaviors = dict.fromkeys(FEED_PATTERNS, self._feed_behavior(api))
        if documents:
            behaviors |= dict.fromkeys(PATTERNS, self._document_behavior(documents))
        acl_arn = web_acl_arn(self, config)
        self.distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment=f"{config.stack_name}: the page and the feed",
            default_root_object="index.html",
            default_behavior=self._page_behavior(bucket),
            additional_behaviors=behaviors,
            error_responses=[cloudfront.ErrorResponse(http_status=503, ttl=Duration.seconds(LATE_KEPT_S))],
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            price_class=cloudfront.PriceClass.PRICE_CLASS_100,  # includes Canada, at the lowest price
            web_acl_id=acl_arn,
            domain_names=[config.site_domain] if config.site_domain else None,
            certificate=self._certificate(),
            # With CloudFront's own certificate the policy is fixed.
            minimum_protocol_version=(cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021 if config.site_domain else None),
            log_bucket=self._log_bucket() if config.site_access_logs else None,
        )
        if config.cloudfront_plan and acl_arn:
            subscribe(self, config, self.distribution, acl_arn)
        host = config.site_domain or self.distribution.distribution_domain_name
        # `$connect` may not ask for the secret before CloudFront sends it.
        api.functions["connect"].node.add_dependency(self.distribution)
        self.feed_url = f"wss://{host}{FEED_PATH}"
        self.url = f"https://{host}"
        stack = Stack.of(self)
        CfnOutput(stack, "SiteUrl", value=f"https://{host}/", description="The page")
        if config.site_domain:
            name = self.distribution.distribution_domain_name
            CfnOutput(stack, "SiteTarget", value=name, description=f"The DNS target for {config.site_domain}")
        self._explain_findings()

    def _page_behavior(self, bucket: s3.Bucket) -> cloudfront.BehaviorOptions:
        return cloudfront.BehaviorOptions(
            origin=origins.S3BucketOrigin.with_origin_access_control(
                bucket,
                origin_access_control=cloudfront.S3OriginAccessControl(
                    self, "AccessControl", origin_access_control_name=self._name("page")
                ),
            ),
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
            # This policy obeys the files' own cache headers; `no-cache` files are requested again after a second.
            cache_policy=cloudfront.CachePolicy.CACHING_OPTIMIZED,
            # For errors, on which no function runs.
            response_headers_policy=cloudfront.ResponseHeadersPolicy.SECURITY_HEADERS,
            function_associations=[
                self._function("File", to_file(), cloudfront.FunctionEventType.VIEWER_REQUEST),
                self._function("Policy", with_headers(), cloudfront.FunctionEventType.VIEWER_RESPONSE),
            ],
        )

    def _feed_behavior(self, api: Api) -> cloudfront.BehaviorOptions:
        stack = Stack.of(self)
        return cloudfront.BehaviorOptions(
            origin=origins.HttpOrigin(
                f"{api.api.api_id}.execute-api.{stack.region}.{stack.url_suffix}",
                protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
                origin_ssl_protocols=[cloudfront.OriginSslPolicy.TLS_V1_2],
                # CloudFront replaces what a viewer sends in this header.
                # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/add-origin-custom-headers.html
                custom_headers={headers.PROOF: api.origin_secret.reference} if api.origin_secret else None,
            ),
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
            cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
            # Includes the Sec-WebSocket-* headers. API Gateway finds its API by the Host header, which must be its own.
            origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
            compress=False,
            function_associations=[
                self._function("Path", to_stage(self._config.stage_name), cloudfront.FunctionEventType.VIEWER_REQUEST)
            ],
        )

    def _document_behavior(self, documents: Documents) -> cloudfront.BehaviorOptions:
        """An edge keeps a document by its path, with the query's known fields in it, and asks for it once at a time.

        https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RequestAndResponseBehaviorCustomOrigin.html
        """
        stack = Stack.of(self)
        reads = self._function("Reads", to_document(), cloudfront.FunctionEventType.VIEWER_REQUEST)
        # An older Lambda finds no field in a path.
        reads.function.node.add_dependency(documents.function)
        return cloudfront.BehaviorOptions(
            origin=origins.HttpOrigin(
                f"{documents.api.api_id}.execute-api.{stack.region}.{stack.url_suffix}",
                protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
                origin_ssl_protocols=[cloudfront.OriginSslPolicy.TLS_V1_2],
            ),
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
            allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,  # the function refuses those that read nothing
            cache_policy=cloudfront.CachePolicy.CACHING_OPTIMIZED,
            compress=True,
            function_associations=[reads],
        )

    def _function(
        self, construct_id: str, code: str, event: cloudfront.FunctionEventType
    ) -> cloudfront.FunctionAssociation:
        function = cloudfront.Function(
            self,
            construct_id,
            code=cloudfront.FunctionCode.from_inline(code),
            runtime=cloudfront.FunctionRuntime.JS_2_0,
        )
        return cloudfront.FunctionAssociation(function=function, event_type=event)

    def _name(self, what: str) -> str:
        """A name with the Region: CloudFront's names are unique per account, and the stack may exist in two Regions."""
        return f"{self._config.stack_name}-{what}-{Stack.of(self).region}"

    def _certificate(self) -> acm.ICertificate | None:
        arn = self._config.site_certificate_arn
        return acm.Certificate.from_certificate_arn(self, "Certificate", arn) if arn else None

    def _log_bucket(self) -> s3.Bucket:
        # CloudFront writes these logs by ACL, to any Region.
        bucket = self._bucket("AccessLogs", s3.ObjectOwnership.BUCKET_OWNER_PREFERRED)
        accept(bucket, {"AwsSolutions-S1": "These are the logs; only CloudFront writes them."})
        bucket.add_lifecycle_rule(expiration=Duration.days(self._config.log_retention_days))
        return bucket

    def _bucket(self, construct_id: str, ownership: s3.ObjectOwnership) -> s3.Bucket:
        """A private bucket that is deleted with the stack, since its content can be rebuilt or is a log."""
        return s3.Bucket(
            self,
            construct_id,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            object_ownership=ownership,
            removal_policy=RemovalPolicy.DESTROY,
            auto_delete_objects=True,
        )

    def _explain_findings(self) -> None:
        """Tell cdk-nag why this deployment may lack the optional features that it lacks."""
        config = self._config
        reasons = {"AwsSolutions-CFR1": "The feed and its page are public, in every country."}
        if not (config.waf_rate_limit or config.web_acl_arn):
            reasons["AwsSolutions-CFR2"] = "A web ACL has a fixed monthly price: waf_rate_limit or web_acl_arn set one."
        if not config.site_access_logs:
            reasons["AwsSolutions-CFR3"] = "Access logs of a public page are optional: site_access_logs."
        if not config.site_domain:
            reasons["AwsSolutions-CFR4"] = "CloudFront's certificate fixes the policy; with your own it is TLS 1.2."
        accept(self.distribution, reasons)
