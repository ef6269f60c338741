"""`make token` signs what the feed takes, and says why it does not sign."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from mypy_boto3_dynamodb.service_resource import DynamoDBServiceResource

from functions.authorize.check import TokenCheck
from infra.bundle import ROOT
from shared.connecting.token_keys import TokenKeys
from tests.tokens import KEY, Pair
from tools import sign_token
from tools.deployment import Deployment
from tools.stored_secret import KIND


@pytest.fixture
def deployment(aws: DynamoDBServiceResource, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    assert aws.meta.service_name == "dynamodb"  # moto answers every client
    session = boto3.Session(region_name="us-east-1")
    value = json.dumps({"current": KEY, "other": ""})
    arn = session.client("secretsmanager").create_secret(Name="t", SecretString=value)["ARN"]
    resources = {"ApiOriginSecret0A1B": (KIND, "other"), "ApiTokenSecret0A1B": (KIND, arn)}
    made = Deployment("Mine", "us-east-1", "t", {}, {}, resources, False, session, None)
    monkeypatch.setattr(sign_token, "find", lambda *_given: made)
    return made


def signed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = sign_token.main(["--subject=alice", *arguments])
    return status, *capsys.readouterr()


@pytest.mark.usefixtures("deployment")
def test_the_feed_takes_a_printed_token(capsys: pytest.CaptureFixture[str]) -> None:
    status, token, said = signed(capsys, "--channels=rates_batch", "--connections=3", "--minutes=5")
    assert (status, said) == (0, "")
    check = TokenCheck(TokenKeys(Pair()), "Mine")
    claims = check._claims(token.strip(), KEY)
    now_s = int(str(claims["iat"]))
    grant = check.grant({token.strip()}, now_s)
    assert (grant.subject, grant.expires_s - now_s) == ("alice", 300)
    assert (grant.channels, grant.max_connections) == (("rates_batch",), 3)


@pytest.mark.usefixtures("deployment")
@pytest.mark.parametrize(
    ("argument", "why"),
    [
        ("--minutes=0", "the token has expired"),
        ("--minutes=1441", "the token lives too long"),
        ("--channels=trades", "the token's channels are not a list of channels"),
        ("--connections=0", "the token's max_connections is not a number of connections"),
        ("--subject=a b", "the token's sub is not a name"),
    ],
)
def test_what_the_feed_would_refuse_is_not_signed(capsys: pytest.CaptureFixture[str], argument: str, why: str) -> None:
    assert signed(capsys, argument) == (1, "", f"{why}\n")


def test_a_feed_without_tokens_says_so(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    resources: Any = deployment.resources
    del resources["ApiTokenSecret0A1B"]
    assert signed(capsys) == (1, "", "the stack Mine takes no tokens: deploy it with auth=token\n")


def test_without_a_deployment_it_says_what_to_do(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.sign_token", "--subject=alice", f"--state={tmp_path}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "start one with `make run`" in done.stderr
