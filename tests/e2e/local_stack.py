"""A running local stack for tests, started by the users' command, on free ports, in its own folder."""

import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import requests

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_lambda import LambdaClient

ROOT = Path(__file__).parent.parent.parent
COMMON_TICK = 1  # of the stack that test modules share
SESSION = boto3.Session("test", "test", region_name="us-east-1")


@dataclass(frozen=True, slots=True)
class Stack:
    """The addresses of a running stack: the feed's, and those that only tests use."""

    feed: str
    dashboard: str
    exchange: str
    aws: str
    stack: str
    ca: str
    process: subprocess.Popen[str]
    state: Path

    @property
    def tls(self) -> ssl.SSLContext:
        """Return a context that trusts only the stack's own CA."""
        return ssl.create_default_context(cafile=self.ca)

    def control(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Call the exchange's control API: GET without a body, POST with one."""
        url = f"{self.exchange}/control/{path}"
        answer = requests.get(url, timeout=10) if body is None else requests.post(url, json=body, timeout=10)
        answer.raise_for_status()
        return dict(answer.json())

    def table(self, name: str) -> "Table":
        """Return the stack's table whose logical ID contains `name`."""
        resource = SESSION.resource("dynamodb", endpoint_url=self.aws)
        return resource.Table(self._physical(name, "DynamoDB::Table"))

    def functions(self) -> "LambdaClient":
        return SESSION.client("lambda", endpoint_url=self.aws)

    def function_name(self, name: str) -> str:
        return self._physical(name, "Lambda::Function")

    def aws_log(self) -> str:
        return (self.state / "aws.log").read_text(encoding="utf-8", errors="replace")

    def _physical(self, name: str, kind: str) -> str:
        cloudformation = SESSION.client("cloudformation", endpoint_url=self.aws)
        resources = cloudformation.describe_stack_resources(StackName=self.stack)["StackResources"]
        found = [r for r in resources if name in r["LogicalResourceId"] and r["ResourceType"] == f"AWS::{kind}"]
        assert len(found) == 1, f"{name}: {[r['LogicalResourceId'] for r in resources]}"
        return str(found[0]["PhysicalResourceId"])


@contextmanager
def local_stack(state: Path, *, tick: int, exchange: list[str], context: list[str] | None = None) -> Iterator[Stack]:
    """Start a stack and stop it like Ctrl-C. `exchange` are the options of its exchange.

    Without another setting it does not fetch the past, which takes a minute of a core.
    """
    command = [sys.executable, "-m", "tools.local", "--json", "--port=0", f"--tick={tick}", "--simulated"]
    command += [f"--context={setting}" for setting in ("backfill=false", *(context or ()))]
    command += [f"--state={state}", "--", *exchange]
    state.mkdir(parents=True, exist_ok=True)
    with (state / "stack.log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert process.stdout
            line = process.stdout.readline()
            assert line, f"the stack did not start:\n{(state / 'stack.log').read_text()}"
            yield Stack(process=process, state=state, **json.loads(line))
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
    assert not programs_of(state), "something is left over"


def programs_of(state: Path) -> list[str]:
    """Return the command lines of running programs that name this state folder or run in it."""
    listing = subprocess.run(["ps", "-eww", "-o", "pid=,command="], capture_output=True, text=True, check=True).stdout
    return [line for line in listing.splitlines() if str(state) in line and str(os.getpid()) not in line.split()[:1]]


def workers_of(stack: Stack, function: str) -> list[int]:
    """Return the processes in which the emulator runs a function, e.g. `IngestFunction`, the oldest first."""
    code = f"ministack-lambda-{stack.function_name(function)}-"
    return sorted(int(line.split()[0]) for line in programs_of(stack.state) if code in line)
