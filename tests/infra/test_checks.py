"""The checks of the template: cdk-nag during the synthesis, cfn-lint after it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from aws_cdk.assertions import Template

from infra.accepted import accepted
from infra.app import build
from infra.bundle import ROOT
from infra.ingest import Ingest
from tests.infra.synthesis import Synthesised, make_app
from tools.tables import OF_STACKS, renewed

POST = (
    "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:execute-api:<AWS::Region>:<AWS::AccountId>:"
    "<ApiWebSocket425089D8>/live/POST/@connections/*]"
)
CLOSE = POST.replace("POST", "DELETE")
ANY = "AwsSolutions-IAM5[Resource::*]"  # X-Ray's, and ListStreams: test_permissions asserts that there is no other
LOG_WRITER = (
    "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]"
)
EVERY_FUNCTION = {"Serverless-LambdaAsyncFailureDestination", "Serverless-LambdaDLQ"}
DOCUMENTS = {
    "Cadfeed/Documents/Http": {"AwsSolutions-APIG4"},
    "Cadfeed/Documents/Documents": EVERY_FUNCTION,
    "Cadfeed/Documents/Documents/Role": {ANY},
}
ACKNOWLEDGED = {
    "Cadfeed/Api/AccessLogs/Role": {LOG_WRITER},
    "Cadfeed/Api/Connect/Role": {ANY, POST, CLOSE},
    "Cadfeed/Api/Disconnect/Role": {ANY, POST, CLOSE},
    "Cadfeed/Api/Request/Role": {ANY, POST, CLOSE},
    "Cadfeed/Api/Subscribe/Role": {ANY, POST, CLOSE},
    "Cadfeed/Api/WebSocket": {"AwsSolutions-APIG4"},
    "Cadfeed/Backfill/Backfill/Role": {ANY},
    "Cadfeed/Ingest/Ingest/Role": {ANY},
    **DOCUMENTS,
    "Cadfeed/Publish/Failed": {"AwsSolutions-SQS3", "Serverless-SQSRedrivePolicy"},
    "Cadfeed/Publish/Publish/Role": {ANY, POST, CLOSE},
    **{
        f"Cadfeed/{function}": EVERY_FUNCTION
        for function in (
            *("Api/Connect", "Api/Disconnect", "Api/Request", "Api/Subscribe"),
            *("Backfill/Backfill", "Ingest/Ingest", "Publish/Publish"),
        )
    },
}
E_MAIL = {"Cadfeed/Monitoring/Topic/ops@example.com": {"Serverless-SNSRedrivePolicy"}}


# The wildcards in the grants of CDK's own file deployment, and its function's runtime.
FILES = {
    "Cadfeed/Site/Files/Role": {
        f"AwsSolutions-IAM5[{finding}]"
        for finding in (
            "Action::s3:Abort*",
            "Action::s3:DeleteObject*",
            "Action::s3:GetBucket*",
            "Action::s3:GetObject*",
            "Action::s3:List*",
            "Resource::<SitePage9170653D.Arn>/*",
            "Resource::arn:<AWS::Partition>:s3:::cdk-hnb659fds-assets-<AWS::AccountId>-<AWS::Region>/*",
        )
    },
    "Cadfeed/Custom::CDKBucketDeployment8693BB64968944B69AAFB0CC9EB8756C": {
        *("AwsSolutions-L1", "Serverless-LambdaLatestVersion", "Serverless-LambdaTracing", "Serverless-LambdaDLQ"),
    },
    "Cadfeed/Site/Page": {"AwsSolutions-S1"},
}
SECRET = {"Cadfeed/Api/Origin/Secret": {"AwsSolutions-SMG4"}}
TOKENS = {
    "Cadfeed/Api/Token/Secret": {"AwsSolutions-SMG4"},
    "Cadfeed/Api/Authorize": EVERY_FUNCTION,
    "Cadfeed/Api/Authorize/Role": {ANY},
}
SITE = FILES | SECRET | {"Cadfeed/Site/Distribution": {f"AwsSolutions-CFR{number}" for number in (1, 2, 3, 4)}}
OWN_DOMAIN = (
    FILES
    | SECRET
    | {
        "Cadfeed/Site/Distribution": {"AwsSolutions-CFR1"},
        "Cadfeed/Site/AccessLogs": {"AwsSolutions-S1"},
    }
)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        *(("stack", {}), ("alarming", E_MAIL), ("with_tokens", TOKENS)),
        *(("with_site", SITE), ("with_own_domain", OWN_DOMAIN)),
    ],
)
def test_every_cdk_nag_exception_is_explicit_and_has_a_reason(
    name: str, more: dict[str, set[str]], request: pytest.FixtureRequest
) -> None:
    stack: Synthesised = request.getfixturevalue(name)
    found: dict[str, set[str]] = {}
    for each in accepted(stack.stack):
        found.setdefault(each.path, set()).add(each.finding)
        assert len(each.reason.split()) >= 5, each
    without = DOCUMENTS if name == "with_tokens" else {}
    assert found == {path: findings for path, findings in ACKNOWLEDGED.items() if path not in without} | more


def test_the_page_has_every_exception_and_reason() -> None:
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    assert renewed(text, OF_STACKS["docs/security.md"]) == text, "renew it with: python -m tools.tables"


@pytest.mark.parametrize(
    ("action", "resource", "finding"),
    [
        ("dynamodb:*", "arn:aws:dynamodb:::table/quotes", "AwsSolutions-IAM5[Action::dynamodb:*]"),
        ("s3:GetObject", "arn:aws:s3:::bucket/*", "AwsSolutions-IAM5[Resource::arn:aws:s3:::bucket/*]"),
    ],
)
def test_a_wildcard_that_nobody_accepted_stops_the_synthesis(
    tmp_path: Path, action: str, resource: str, finding: str
) -> None:
    stack = build(make_app(tmp_path))
    ingest = stack.node.find_child("Ingest")
    assert isinstance(ingest, Ingest)
    ingest.function.allow([action], [resource])
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        Template.from_stack(stack)
    assert finding in (tmp_path / "validation-report.json").read_text(encoding="utf-8")


def test_cfn_lint_finds_nothing(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """In one run for all templates, most of which is its start."""
    for name in ("stack", "alarming", "with_tokens", "with_site", "with_own_domain"):
        template = json.dumps(request.getfixturevalue(name).template.to_json())
        (tmp_path / f"{name}.json").write_text(template, encoding="utf-8")
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--regions", "us-east-1", "ca-central-1", "eu-west-1"]
    command += ["--ignore-checks", "W3005"]  # CDK writes a DependsOn beside the reference that already implies it
    linted = subprocess.run([*command, "--", f"{tmp_path}/*.json"], check=False, capture_output=True, text=True)
    assert (linted.returncode, linted.stdout + linted.stderr) == (0, "")
