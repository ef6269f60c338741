"""The findings of cdk-nag that are accepted, as a table for docs/security.md."""

import json
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aws_cdk import App, Stack

from infra.accepted import accepted
from infra.app import build
from infra.bundle import ROOT

# What switches parts of the stack on, beside cdk.json's settings.
MORE: tuple[dict[str, Any], ...] = (
    {},
    {
        "connection_shards": 2,
        "alarm_email": "ops@example.com",
        "site_domain": "rates.example.com",
        "site_certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/0a1b2c3d",
        "site_access_logs": True,
        "waf_rate_limit": 1000,
    },
    {"tracing": False, "auth": "token"},
)
STAGED = {"aws:cdk:disable-asset-staging": True}  # no copies of the bundles
HASH = re.compile(r"[0-9A-F]{32}$")


def table(stacks: Iterable[Stack]) -> str:
    """Return a row per rule and reason, with the constructs for which it is accepted."""
    places: dict[tuple[str, str], set[str]] = {}
    for stack in stacks:
        for each in accepted(stack):
            name = HASH.sub("", each.path.removeprefix(f"{stack.node.path}/"))
            places.setdefault((each.rule, each.reason), set()).add(name)
    rows = ["| rule | for | why |", "|---|---|---|"]
    for (rule, reason), names in sorted(places.items()):
        rows.append(f"| {rule} | {', '.join(f'`{name}`' for name in sorted(names))} | {reason} |")
    return "\n".join(rows)


def of_every_part() -> str:
    """Return the table of stacks that have every part between them."""
    context = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    with tempfile.TemporaryDirectory() as folder:
        return table(
            [
                build(App(outdir=str(Path(folder, str(n))), context={**context, **STAGED, **more}))
                for n, more in enumerate(MORE)
            ]
        )
