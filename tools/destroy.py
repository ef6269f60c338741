"""`make destroy`: takes the stack out of an AWS account, after naming what goes and what stays, and asking.

`python -m tools.destroy --stack Cadfeed`
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from tools.deployment import Deployment, NotFound, find
from tools.local.aws import ROOT, SETTINGS

CDK = ROOT / "tools" / "node_modules" / ".bin" / "cdk"
KEPT = {"Retain", "RetainExceptOnCreate"}
TABLE, ROLE, ACCOUNT = "AWS::DynamoDB::Table", "AWS::IAM::Role", "AWS::ApiGateway::Account"
LOG_WRITER = "arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"


@dataclass(frozen=True, slots=True)
class Left:
    """Something that outlives the stack: what it is, its name, and the commands that delete it."""

    kind: str
    name: str
    commands: tuple[str, ...]
    note: str = ""


def main(arguments: list[str] | None = None) -> int:
    """Return 0 when the stack is gone; 1 when the person did not want it, or it cannot be."""
    options = _parser().parse_args(arguments)
    try:
        deployment = find(options.stack)
        identity = deployment.session.client("sts", endpoint_url=deployment.endpoint).get_caller_identity()
        left = kept(deployment) + log_groups(deployment)
    except NotFound as error:
        return _say(str(error))
    except (ClientError, BotoCoreError) as error:
        return _say(f"AWS does not say what there is: {error}")
    account = f"account  {identity['Account']}\nas       {identity['Arn']}\nRegion   {deployment.region}\n"
    sys.stderr.write(f"{account}deletes  the stack {deployment.stack}: {len(deployment.resources)} resources\n")
    sys.stderr.write(_told(left))
    if deployment.is_protected:
        return _say(
            f"{deployment.stack} is protected from deletion. To lift that:\n"
            f"  aws cloudformation update-termination-protection --no-enable-termination-protection"
            f" --stack-name {deployment.stack} --region {deployment.region}"
        )
    if not sys.stdin.isatty():
        return _say("not at a terminal: nobody to ask. Run the CDK CLI itself: tools/node_modules/.bin/cdk destroy")
    sys.stderr.write(f"destroy {deployment.stack} there? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        return 1
    if status := _cdk_destroy(deployment, options.arguments):
        return status
    sys.stderr.write(f"{deployment.stack} is gone\n{_told(kept(deployment) + log_groups(deployment))}")
    return 0


def kept(deployment: Deployment) -> list[Left]:
    """Return what CloudFormation leaves: the resources whose deletion policy says so, and a table of another stack."""
    policies = {name: each.get("DeletionPolicy") for name, each in deployment.template["Resources"].items()}
    left = [
        _left(kind, name, deployment.region)
        for logical, (kind, name) in deployment.resources.items()
        if policies.get(logical) in KEPT
    ]
    if deployment.quotes_table not in {name for _, name in deployment.resources.values()}:
        left.append(_left(TABLE, deployment.quotes_table, deployment.region))
    return left


def log_groups(deployment: Deployment) -> list[Left]:
    """Return the log groups that Lambda made itself for this stack's functions; the stack's own go with it."""
    client = deployment.session.client("logs", endpoint_url=deployment.endpoint)
    own = {name for kind, name in deployment.resources.values() if kind == "AWS::Logs::LogGroup"}
    pages = client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=f"/aws/lambda/{deployment.stack}-")
    found = (group["logGroupName"] for page in pages for group in page["logGroups"])
    return [
        Left("log group", name, (f"aws logs delete-log-group --log-group-name {name} --region {deployment.region}",))
        for name in found
        if name not in own
    ]


def _left(kind: str, name: str, region: str) -> Left:
    if kind == TABLE:
        commands = (
            f"aws dynamodb update-table --no-deletion-protection-enabled --table-name {name} --region {region}",
            f"aws dynamodb delete-table --table-name {name} --region {region}",
        )
        return Left("table", name, commands, f"a new stack goes on with it: -c quotes_table_name={name}")
    if kind == ROLE:
        commands = (
            f"aws iam detach-role-policy --role-name {name} --policy-arn {LOG_WRITER}",
            f"aws iam delete-role --role-name {name}",
        )
        return Left("role", name, commands, "every API of this account and Region logs with it")
    if kind == ACCOUNT:
        command = "aws apigateway update-account --patch-operations op=replace,path=/cloudwatchRoleArn,value="
        return Left("setting", "of API Gateway that names that role", (f"{command} --region {region}",))
    return Left(kind, name, ())


def _told(left: Iterable[Left]) -> str:
    lines: list[str] = []
    for each in left:
        lines.append(f"leaves   the {each.kind} {each.name}" + (f"; {each.note}" if each.note else ""))
        lines += [f"           {command}" for command in each.commands]
    return "".join(f"{line}\n" for line in lines) or "leaves   nothing\n"


def _cdk_destroy(deployment: Deployment, arguments: Sequence[str]) -> int:
    """The CDK CLI makes the template again, though only the stack's name counts; so it gets that and no table."""
    context = {"stack_name": deployment.stack, "quotes_table_name": ""}
    if deployment.settings.get("cli_credentials"):
        context |= SETTINGS
    command = [str(CDK), "destroy", "--force", deployment.stack]
    command += [f"--context={name}={value}" for name, value in context.items()]
    return subprocess.run([*command, *arguments], cwd=ROOT, check=False).returncode  # noqa: S603 - ours


def _say(text: str) -> int:
    sys.stderr.write(f"{text}\n")
    return 1


def _usual_stack() -> str:
    """Return the name that `make deploy` gives the stack."""
    context = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    return str(context["stack_name"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.destroy", description=__doc__)
    parser.add_argument("--stack", default=_usual_stack(), help="the stack's name (default: %(default)s)")
    parser.add_argument("arguments", nargs="*", metavar="-- OPTION", help="of `cdk destroy`")
    return parser


if __name__ == "__main__":
    sys.exit(main())
