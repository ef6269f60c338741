"""Finds a deployed feed: a stack in the caller's AWS account, or the local stack that runs."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.metadata import METADATA
from tools.local.aws import REGION, ROOT, RUNNING, client_environment

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.client import CloudFormationClient
    from mypy_boto3_dynamodb.service_resource import Table

LOCAL = ROOT / ".local"
# Commands run for minutes, so they wait where a Lambda may not.
PATIENT = Config(connect_timeout=5, read_timeout=30, retries={"mode": "adaptive", "total_max_attempts": 10})


class NotFound(Exception):
    """There is no such deployment, or nobody could be asked. The text says what to do."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """A stack. `settings`: those that are not the defaults, none if an older version deployed it. `template`: what
    CloudFormation has of it. `resources`: its resources by logical ID, each with its type and physical ID."""

    stack: str
    region: str
    quotes_table: str
    settings: Mapping[str, Any]
    template: Mapping[str, Any]
    resources: Mapping[str, tuple[str, str]]
    is_protected: bool
    session: boto3.Session
    endpoint: str | None

    def table(self) -> "Table":
        """Return the quotes table."""
        resource = self.session.resource("dynamodb", endpoint_url=self.endpoint, config=PATIENT)
        return resource.Table(self.quotes_table)


def find(stack: str, state: Path = LOCAL) -> Deployment:
    """Return the stack with this name in the caller's account and Region; without a name, the local stack.

    Raises:
        NotFound: there is none, or it is not a stack of this feed.
    """
    if not stack:
        return _local(state)
    region = os.environ.get("AWS_REGION") or boto3.Session().region_name
    if not region:
        raise NotFound("no Region is set: AWS_REGION=ca-central-1, or `aws configure`")
    return _found(boto3.Session(region_name=region), stack, region, None)


def _local(state: Path) -> Deployment:
    try:
        running = json.loads((state / RUNNING).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise NotFound(
            f"no local stack runs with its state in {state}: start one with `make run`, or name a stack on AWS, STACK=…"
        ) from None
    found = client_environment(running["aws"])
    session = boto3.Session(found["AWS_ACCESS_KEY_ID"], found["AWS_SECRET_ACCESS_KEY"], region_name=REGION)
    return _found(session, running["stack"], REGION, running["aws"])


def _found(session: boto3.Session, stack: str, region: str, endpoint: str | None) -> Deployment:
    client = session.client("cloudformation", endpoint_url=endpoint, config=PATIENT)
    try:
        [described] = client.describe_stacks(StackName=stack)["Stacks"]
        outputs = {each["OutputKey"]: each["OutputValue"] for each in described.get("Outputs", [])}
        resources = _resources(client, stack)
        template = _template(client, stack)
    except ClientError as error:
        if "does not exist" in str(error):
            raise NotFound(
                f"there is no stack {stack} in {region}: `aws cloudformation list-stacks` lists them"
            ) from None
        raise NotFound(f"CloudFormation refuses to describe {stack} in {region}: {error}") from error
    except BotoCoreError as error:
        where = f"at {endpoint}; is `make run` running?" if endpoint else "Set AWS_PROFILE, or sign in: `aws sso login`"
        raise NotFound(f"nobody could be asked about {stack}: {error}. {where}") from error
    table = outputs.get("QuotesTable") or _table_of_an_older_version(resources)
    if not table:
        raise NotFound(f"the stack {stack} in {region} has no quotes table; it is not a stack of this feed")
    settings = dict(template.get("Metadata", {}).get(METADATA, {}).get("settings", {}))
    protected = bool(described.get("EnableTerminationProtection"))
    return Deployment(stack, region, table, settings, template, resources, protected, session, endpoint)


def _resources(client: "CloudFormationClient", stack: str) -> dict[str, tuple[str, str]]:
    pages = client.get_paginator("list_stack_resources").paginate(StackName=stack)
    found = (each for page in pages for each in page["StackResourceSummaries"])
    return {
        each["LogicalResourceId"]: (each["ResourceType"], each.get("PhysicalResourceId", ""))
        for each in found
        if each["ResourceStatus"] != "DELETE_COMPLETE"
    }


def _template(client: "CloudFormationClient", stack: str) -> dict[str, Any]:
    """boto3 parses a JSON template, and the CDK writes JSON."""
    body: Any = client.get_template(StackName=stack)["TemplateBody"]
    return dict(json.loads(body)) if isinstance(body, str) else dict(body)


def _table_of_an_older_version(resources: Mapping[str, tuple[str, str]]) -> str:
    """Versions before 2026-11-28 had no such output."""
    names = [name for logical, (kind, name) in resources.items() if "Quotes" in logical and kind.endswith("DB::Table")]
    return names[0] if len(names) == 1 else ""
