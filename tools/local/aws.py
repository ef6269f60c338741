"""AWS on this machine: MiniStack with IAM in force, and the CDK app deployed into it by the CDK CLI."""

import asyncio
import json
import os
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from tools.local.assemblies import Assemblies, share_archives
from tools.local.processes import Processes

ROOT = Path(__file__).parent.parent.parent
REGION = "us-east-1"
ACCOUNT = "000000000000"
RUNNING = "running.json"  # in the state folder: the addresses of the stack, while it runs
START_TIMEOUT_S = 60
DEPLOY_TIMEOUT_S = 300
SETTINGS = {
    "cli_credentials": "true",
    "native_wheels": "true",
    "site": "false",  # the edge serves the page
    "own_proxy": "true",  # the edge sends the secret, as CloudFront does
    # All clients on this machine have one address.
    "max_connections_per_client": "0",
    "max_connections_per_block": "0",
    # The emulator has no quota of posts, and costs nothing.
    "max_rates_connections": "0",
    "rates_seconds": "0",
    "tracing": "false",
    "retain_data": "false",
}


class CannotStart(Exception):
    """The local stack did not start; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """Where the deployed feed is: the AWS endpoint, the API's socket, the names of the stack and of the secret that the
    edge sends, and the address of the documents' API (empty without one)."""

    endpoint: str
    socket_url: str
    stack: str
    origin_secret: str
    documents_url: str = ""


def environment_without_aws() -> dict[str, str]:
    """Return this environment without any reference to a real account, the virtual environment's programs first."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{inherited.get('PATH', '')}"
    return inherited | {"PATH": path, "NO_PROXY": "localhost,127.0.0.1"}


def client_environment(endpoint: str) -> dict[str, str]:
    """Return the environment in which every AWS client talks only to the emulator, as its root user."""
    return environment_without_aws() | {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
    }


def client_options(endpoint: str) -> dict[str, Any]:
    """Return the options of a boto3 client that talks only to the emulator, as its root user."""
    found = client_environment(endpoint)
    return {
        "endpoint_url": endpoint,
        "region_name": REGION,
        "aws_access_key_id": found["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": found["AWS_SECRET_ACCESS_KEY"],
    }


async def start(processes: Processes, port: int, state: Path) -> str:
    """Start the emulator, wait until it answers, and return its address.

    Raises:
        CannotStart: it ended, or did not answer in time.
    """
    endpoint = f"http://127.0.0.1:{port}"
    scratch = state / "tmp"
    scratch.mkdir(parents=True, exist_ok=True)
    environment = environment_without_aws() | {
        "AUTH": "true",
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "false",
        "TMPDIR": str(scratch),
    }
    log = state / "aws.log"
    log.unlink(missing_ok=True)
    process = await processes.start(
        [sys.executable, "-m", "tools.local.emulator", str(scratch)],
        environment=environment,
        log=log,
        cwd=ROOT,
        service=True,
    )
    for _ in range(START_TIMEOUT_S * 5):
        if process.returncode is not None:
            raise CannotStart(f"MiniStack ended with {process.returncode}; read its log {log}")
        if await asyncio.to_thread(_answers, f"{endpoint}/_ministack/health"):
            return endpoint
        await asyncio.sleep(0.2)
    raise CannotStart(f"MiniStack did not answer in {START_TIMEOUT_S} s; its log is {log}")


async def deploy(processes: Processes, endpoint: str, state: Path, context: Mapping[str, str]) -> Deployed:
    """Bootstrap and deploy as on AWS.

    Raises:
        CannotStart: the CDK CLI failed; the text names its log.
    """
    assembly = state / "cdk.out"
    (state / "cdk.log").unlink(missing_ok=True)
    await asyncio.gather(
        bootstrap(processes, endpoint, state),
        synthesise(processes, endpoint, state, assembly, context),
    )
    return await deploy_assembly(processes, endpoint, state, assembly)


async def bootstrap(processes: Processes, endpoint: str, state: Path) -> None:
    """Make what the CDK CLI needs in an account.

    Raises:
        CannotStart: the CDK CLI failed; the text names its log.
    """
    log = state / "bootstrap.log"
    log.unlink(missing_ok=True)
    # In a folder without cdk.json the CLI bootstraps without synthesising the app.
    await _cdk(processes, ["bootstrap", f"aws://{ACCOUNT}/{REGION}"], endpoint, log, state)


async def synthesise(
    processes: Processes, endpoint: str, state: Path, assembly: Path, context: Mapping[str, str], *, root: Path = ROOT
) -> None:
    """Write the template and the bundles' addresses to the folder `assembly`, or take those of an earlier deployment.
    `root` is where the app's files are.

    Raises:
        CannotStart: the CDK CLI failed; the text names its log.
    """
    base = {"connections_url_base": f"{endpoint}/_aws/execute-api"}
    known = (root / "infra" / "config.py").read_text(encoding="utf-8")  # an earlier version does not know all of them
    own = {name: value for name, value in SETTINGS.items() if f"    {name}: " in known}
    settings = {**own, **base, **context}
    assemblies = Assemblies(root, settings)
    shutil.rmtree(assembly, ignore_errors=True)
    if await asyncio.to_thread(assemblies.take, assembly):
        return
    # A bundle never changes, so the assembly can point to it and needs no copy.
    command = ["synth", "--quiet", "--no-staging", f"--output={assembly}", f"--app={sys.executable} -m infra.app"]
    for name, value in settings.items():
        command += ["--context", f"{name}={value}"]
    await _cdk(processes, command, endpoint, state / "cdk.log", root)
    await asyncio.to_thread(assemblies.keep, assembly)


async def deploy_assembly(processes: Processes, endpoint: str, state: Path, assembly: Path) -> Deployed:
    """Deploy what `synthesise` wrote, and start the first ingest.

    Raises:
        CannotStart: the CDK CLI failed; the text names its log.
    """
    share_archives(ROOT, assembly)
    outputs = state / "outputs.json"
    command = ["deploy", "--all", "--require-approval=never", f"--outputs-file={outputs}", f"--app={assembly}"]
    await _cdk(processes, command, endpoint, state / "cdk.log", ROOT)
    (stack, values), *_ = json.loads(outputs.read_text(encoding="utf-8")).items()
    stage = values["FeedUrl"].rsplit("/", 1)[1]
    socket = f"{endpoint}/_aws/execute-api/{values['ApiId']}/{stage}".replace("http://", "ws://")
    await asyncio.to_thread(_tick, endpoint, stack)
    documents = f"{endpoint}/_aws/execute-api/{values['DocumentsApi']}" if "DocumentsApi" in values else ""
    return Deployed(endpoint, socket, stack, values.get("OriginSecret", ""), documents)


def _tick(endpoint: str, stack: str) -> None:
    """Start the first ingest, which the schedule would start within a minute."""
    client = boto3.client("lambda", **client_options(endpoint))
    pages = client.get_paginator("list_functions").paginate()
    names = [function["FunctionName"] for page in pages for function in page["Functions"]]
    name = next(name for name in names if name.startswith(f"{stack}-IngestFunction"))
    client.invoke(FunctionName=name, InvocationType="Event")


async def _cdk(processes: Processes, command: list[str], endpoint: str, log: Path, cwd: Path) -> None:
    cdk = ROOT / "tools" / "node_modules" / ".bin" / "cdk"
    environment = client_environment(endpoint)
    if not cdk.exists():
        raise CannotStart("the CDK CLI is not installed; run `make setup`")
    if not shutil.which("node", path=environment["PATH"]):
        raise CannotStart("there is no Node, which the CDK CLI runs on; run `rm -r .venv` and `make setup`")
    process = await processes.start([str(cdk), *command, "--no-notices"], environment=environment, log=log, cwd=cwd)
    try:
        status = await asyncio.wait_for(process.wait(), DEPLOY_TIMEOUT_S)
    except TimeoutError:
        raise CannotStart(f"`cdk {command[0]}` took more than {DEPLOY_TIMEOUT_S} s; its log is {log}") from None
    if status:
        raise CannotStart(f"`cdk {command[0]}` failed; the whole log is {log}, its end:\n{_end_of(log)}")


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - our own address
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False
