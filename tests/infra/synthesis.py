"""The app synthesised with cdk.json's context, and its template in words."""

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from infra.app import build
from infra.bundle import ROOT

CDK_JSON: Mapping[str, Any] = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))
# The functions of one shard. With more there is also the `worker`.
FUNCTIONS = ("backfill", "connect", "disconnect", "documents", "ingest", "publish", "request", "subscribe")
DOCUMENTS = "$default"  # the name of the stage of the documents' API
HASH = re.compile(r"[0-9A-F]{8}$")


@dataclass(frozen=True, slots=True)
class Synthesised:
    """A stack and its template."""

    stack: Stack
    template: Template

    def properties(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the properties of all resources of a type, by logical ID without its hash."""
        found = self.template.find_resources(kind)
        return {HASH.sub("", name): dict(resource.get("Properties", {})) for name, resource in found.items()}

    def functions(self) -> dict[str, dict[str, Any]]:
        """Return the properties of the Lambdas by their folder, without those that the CDK adds."""
        found = self.properties("AWS::Lambda::Function").values()
        ours = (each for each in found if each["Handler"].startswith("functions."))
        return {each["Handler"].split(".")[1]: each for each in ours}

    def stage(self, name: str = "live") -> dict[str, Any]:
        """Return the stage of an API, the WebSocket's by default."""
        stages = self.template.find_resources("AWS::ApiGatewayV2::Stage").values()
        (found,) = (dict(each) for each in stages if each["Properties"]["StageName"] == name)
        return found

    def worker(self) -> dict[str, Any]:
        """Return the properties of the worker of a shard."""
        return self.functions()["worker"]

    def function_of(self, reference: object) -> str:
        """Return the Lambda that a property refers to."""
        text = in_words(reference)
        names = {name for name in FUNCTIONS if f"{name.capitalize()}Function" in text}
        assert len(names) == 1, text
        return names.pop()

    def permissions(self) -> dict[str, dict[str, set[str]]]:
        """Return what every role may do: the actions by resource, by role."""
        roles: dict[str, dict[str, set[str]]] = {role: defaultdict(set) for role in self.properties("AWS::IAM::Role")}
        for policy in self.properties("AWS::IAM::Policy").values():
            for statement in policy["PolicyDocument"]["Statement"]:
                assert statement.keys() - {"Condition"} == {"Action", "Effect", "Resource"}, statement
                assert statement["Effect"] == "Allow"
                for role in map(in_words, policy["Roles"]):
                    for resource in as_list(statement["Resource"]):
                        roles[role.strip("<>")][in_words(resource)].update(as_list(statement["Action"]))
        return {role: dict(resources) for role, resources in roles.items()}


def synthesise(outdir: Path, **settings: object) -> Synthesised:
    """Return the stack with other settings than cdk.json's. Raises: RuntimeError: cdk-nag found something."""
    stack = build(make_app(outdir, **settings), page=built_page(outdir))
    return Synthesised(stack, Template.from_stack(stack))


def make_app(outdir: Path, **settings: object) -> App:
    """Return an app like the CDK CLI's, without the site and the copies of the bundles."""
    context = {**CDK_JSON["context"], "site": False, "aws:cdk:disable-asset-staging": True, **settings}
    return App(outdir=str(outdir), context=context)


def built_page(folder: Path) -> Path:
    """Make files like a build of the page, so that no build is needed."""
    page = folder / "page"
    (page / "assets").mkdir(parents=True, exist_ok=True)
    (page / "index.html").write_text("<!doctype html>", encoding="utf-8")
    (page / "assets" / "index-B0ley9Ao.js").write_text("'use strict'", encoding="utf-8")
    return page


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def in_words(value: Any) -> str:
    """Return a property as text: `<Name>` for a reference, `<Name.Attribute>` for an attribute, joined parts as one."""
    if isinstance(value, str):
        return value
    if set(value) == {"Ref"}:
        return f"<{HASH.sub('', value['Ref'])}>"
    if set(value) == {"Fn::GetAtt"}:
        name, attribute = value["Fn::GetAtt"]
        return f"<{HASH.sub('', name)}.{attribute}>"
    if set(value) == {"Fn::Join"}:
        separator, parts = value["Fn::Join"]
        return str(separator).join(map(in_words, parts))
    if set(value) == {"Fn::Sub"}:
        return re.sub(r"\$\{(.+?)\}", r"<\1>", value["Fn::Sub"])
    raise AssertionError(f"no words for {value}")
