"""A rotation: at every step, what CloudFront or a proxy sends is valid, and no output shows a secret."""

import json
from typing import Any

import boto3
import pytest
from mypy_boto3_dynamodb.service_resource import DynamoDBServiceResource

from shared.connecting import headers
from tools.deployment import Deployment, NotFound
from tools.rotate import steps
from tools.rotate.steps import DISTRIBUTION, CannotRotate, Rotation
from tools.stored_secret import KIND, ORIGIN, TOKENS


class Stage:
    """A stack's secret, its distribution if it has one, and what a rotation says."""

    def __init__(self, *, site: bool) -> None:
        self.session = boto3.Session(region_name="us-east-1")
        self.manager = self.session.client("secretsmanager")
        self.front = self.session.client("cloudfront")
        arn = self.manager.create_secret(Name="s", SecretString='{"current": "first", "other": ""}')["ARN"]
        self.resources = {"ApiOriginSecret0A1B": (KIND, arn), "OtherSecret": (KIND, "other")}
        self.distribution = ""
        if site:
            self.distribution = str(self.front.create_distribution(DistributionConfig=config())["Distribution"]["Id"])
            self.resources["SiteDistribution"] = (DISTRIBUTION, self.distribution)
        self.said: list[str] = []
        self.seen: list[tuple[str, str, str]] = []

    def rotation(self, logical: str = ORIGIN) -> Rotation:
        deployed = Deployment("Cadfeed", "us-east-1", "t", {}, {}, self.resources, False, self.session, None)
        return Rotation(deployed, 0, self.said.append, logical)

    def pair(self) -> tuple[str, str]:
        value = json.loads(self.manager.get_secret_value(SecretId="s")["SecretString"])
        return value["current"], value["other"]

    def sent(self) -> str:
        return steps._sent(self.front.get_distribution_config(Id=self.distribution))


def config() -> Any:
    """https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_DistributionConfig.html"""
    sent = {"Quantity": 1, "Items": [{"HeaderName": headers.PROOF, "HeaderValue": "first"}]}
    ssl = {"Quantity": 1, "Items": ["TLSv1.2"]}
    own = {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only", "OriginSslProtocols": ssl}
    api = {"Id": "api", "DomainName": "api.example", "CustomHeaders": sent, "CustomOriginConfig": own}
    page = {"Id": "page", "DomainName": "page.s3.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}
    cache = {"TargetOriginId": "page", "ViewerProtocolPolicy": "https-only", "MinTTL": 0}
    forwarded = {"QueryString": False, "Cookies": {"Forward": "none"}}
    return {
        "CallerReference": "1",
        "Comment": "",
        "Enabled": True,
        "Origins": {"Quantity": 2, "Items": [page, api]},
        "DefaultCacheBehavior": cache | {"ForwardedValues": forwarded},
    }


@pytest.fixture(autouse=True)
def in_moto(aws: DynamoDBServiceResource) -> DynamoDBServiceResource:
    return aws


def test_cloudfronts_secret_is_valid_at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(site=True)
    for name in ("_store", "_send"):
        step = getattr(Rotation, name)

        def watched(rotation: Rotation, *given: Any, step: Any = step) -> None:
            step(rotation, *given)
            stage.seen.append((stage.sent(), *stage.pair()))

        monkeypatch.setattr(Rotation, name, watched)
    stage.rotation().rotate()
    new = stage.pair()[0]
    assert stage.seen == [("first", "first", new), (new, "first", new), (new, new, "")]
    assert len(new) >= 32
    assert not [text for text in stage.said if new in text or "first" in text]
    stage.rotation().rotate()
    assert stage.pair() == (stage.sent(), "")
    assert stage.pair()[0] not in {"first", new}


@pytest.mark.parametrize("broken", ["_send", "_store"])
def test_a_rotation_that_was_broken_off_goes_on(monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    stage = Stage(site=True)
    calls: list[int] = []
    step = getattr(Rotation, broken)

    def breaks(rotation: Rotation, *given: Any) -> None:
        calls.append(1)
        if broken == "_send" or len(calls) == 2:
            raise KeyboardInterrupt
        step(rotation, *given)

    with monkeypatch.context() as patch:
        patch.setattr(Rotation, broken, breaks)
        with pytest.raises(KeyboardInterrupt):
            stage.rotation().rotate()
    _, new = stage.pair()
    assert stage.sent() in stage.pair()
    stage.rotation().rotate()
    assert (stage.sent(), *stage.pair()) == (new, new, "")


def test_what_cloudfront_sends_is_never_made_invalid() -> None:
    stage = Stage(site=True)
    stage.manager.put_secret_value(SecretId="s", SecretString='{"current": "second", "other": "first"}')
    with pytest.raises(CannotRotate, match="does not send the current secret"):
        stage.rotation().finish()
    stage.manager.put_secret_value(SecretId="s", SecretString='{"current": "second", "other": "third"}')
    with pytest.raises(CannotRotate, match="deploy the stack once more"):
        stage.rotation().rotate()
    assert stage.pair() == ("second", "third")


def test_an_own_proxy_changes_between_two_commands() -> None:
    """The old secret stays valid until the operator says that nobody sends it."""
    stage = Stage(site=False)
    stage.rotation().rotate()
    new, old = stage.pair()
    assert old == "first"
    assert new != "first"
    with pytest.raises(CannotRotate, match="--finish"):
        stage.rotation().rotate()
    stage.rotation().finish()
    assert stage.pair() == (new, "")
    assert not [text for text in stage.said if new in text or old in text]


@pytest.mark.parametrize("site", [False, True])
def test_a_rotation_that_was_broken_off_is_not_finished(monkeypatch: pytest.MonkeyPatch, site: bool) -> None:
    """The old secret, which may be known to others, is still the current one: to finish would keep it."""

    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    stage = Stage(site=site)
    with monkeypatch.context() as patch:
        patch.setattr("time.sleep", interrupted)
        with pytest.raises(KeyboardInterrupt):
            stage.rotation().rotate()
    current, coming = stage.pair()
    assert current == "first"
    with pytest.raises(CannotRotate, match="still the current one: run the same command without --finish"):
        stage.rotation().finish()
    assert stage.pair() == ("first", coming)
    stage.rotation().rotate()
    stage.rotation().finish()
    assert stage.pair() == (coming, "")


def test_a_stack_without_the_secret_says_so() -> None:
    stage = Stage(site=False)
    del stage.resources["ApiOriginSecret0A1B"]
    with pytest.raises(NotFound, match="the stack Cadfeed has no edge that sends a secret"):
        stage.rotation()


def test_the_key_of_tokens_rotates_without_cloudfront() -> None:
    """Its tokens are valid until the operator says that none is left."""
    stage = Stage(site=True)
    before = stage.pair()
    stage.manager.create_secret(Name="t", SecretString='{"current": "key", "other": ""}')
    stage.resources["ApiTokenSecret0A1B"] = (KIND, "t")
    stage.rotation(TOKENS).rotate()
    value = json.loads(stage.manager.get_secret_value(SecretId="t")["SecretString"])
    assert value["other"] == "key"
    assert value["current"] not in {"", "key"}
    assert (stage.pair(), stage.sent()) == (before, "first")
    stage.rotation(TOKENS).finish()
    after = json.loads(stage.manager.get_secret_value(SecretId="t")["SecretString"])
    assert after == {"current": value["current"], "other": ""}
