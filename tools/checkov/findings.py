"""Run checkov on templates, in an environment of its own: it pins another boto3 than the feed's tools.

https://www.checkov.io/2.Basics/CLI%20Command%20Reference.html
"""

import json
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.uv import environment
from tools.environments import python_with

REQUIREMENTS = Path(__file__).parent / "requirements.txt"
# Only the rules that came with it, and no word to its makers' service.
OPTIONS = (
    "--framework",
    "cloudformation",
    "--output",
    "json",
    "--quiet",
    "--compact",
    "--skip-download",
    "--soft-fail",
)


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A rule such as `CKV_AWS_117`, what it asks for, and the resource that is otherwise: its type, a dot, its logical
    ID."""

    rule: str
    says: str
    resource: str


def findings(templates: Mapping[str, Any]) -> set[Finding]:
    """Return what checkov finds in CloudFormation templates, which are given by any name.

    Raises:
        RuntimeError: checkov cannot be installed, failed, or could not read a template; the text has its output.
    """
    python = python_with("checkov", REQUIREMENTS)
    with tempfile.TemporaryDirectory() as folder:
        for name, template in templates.items():
            Path(folder, f"{name}.json").write_text(json.dumps(template), encoding="utf-8")
        command = [str(python), "-m", "checkov.main", *OPTIONS, "--directory", folder]
        done = subprocess.run(  # noqa: S603 - ours
            command, env=environment(), cwd=folder, check=False, capture_output=True, text=True
        )
    if done.returncode:
        raise RuntimeError(f"checkov failed:\n{done.stdout}{done.stderr}")
    return read(done.stdout)


def read(output: str) -> set[Finding]:
    """Return the findings of checkov's output.

    Raises:
        RuntimeError: it has checked nothing, or could not read a template.
    """
    report = json.loads(output)
    summary = report.get("summary", report)
    if summary["parsing_errors"] or not summary["passed"]:
        raise RuntimeError(f"checkov could not read the templates: {summary}")
    failed = report["results"]["failed_checks"]
    return {Finding(each["check_id"], each["check_name"], each["resource"]) for each in failed}
