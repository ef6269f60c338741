"""Two secrets are valid at once, read rarely, and a reader notices a new one by itself."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import ClientError
from mypy_boto3_dynamodb.service_resource import DynamoDBServiceResource

from shared.connecting import secret_pair
from shared.connecting.secret_pair import READ_AGAIN_AFTER_S, READ_EVERY_S, SecretPair

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


class Clock:
    now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def manager(aws: DynamoDBServiceResource) -> Iterator["SecretsManagerClient"]:
    assert aws.meta.service_name == "dynamodb"  # moto answers every client
    secret_pair._client.cache_clear()
    yield boto3.client("secretsmanager")
    secret_pair._client.cache_clear()


def keep(manager: "SecretsManagerClient", value: object) -> None:
    text = value if isinstance(value, str) else json.dumps(value)
    try:
        manager.put_secret_value(SecretId="origin", SecretString=text)
    except manager.exceptions.ResourceNotFoundException:
        manager.create_secret(Name="origin", SecretString=text)


def test_both_secrets_are_valid_and_no_others(manager: "SecretsManagerClient") -> None:
    keep(manager, {"current": "new", "other": "old"})
    pair = SecretPair("origin")
    assert [pair.has(text) for text in ("new", "old", "", "ne", "newer", "NEW", "né")] == [True, True, *5 * [False]]
    assert pair.valid() == ("new", "old")


def test_an_empty_other_secret_admits_nobody(manager: "SecretsManagerClient") -> None:
    keep(manager, {"current": "new", "other": ""})
    pair = SecretPair("origin")
    assert pair.valid() == ("new",)
    assert not pair.has("")


def test_a_secret_is_read_again_after_minutes(manager: "SecretsManagerClient") -> None:
    """A removed one is valid until then."""
    clock = Clock()
    keep(manager, {"current": "a"})
    pair = SecretPair("origin", clock)
    assert pair.has("a")
    keep(manager, {"current": "b"})
    clock.now_s += READ_EVERY_S - 1
    assert pair.has("a")
    clock.now_s += 1
    assert not pair.has("a")
    assert pair.has("b")


def test_strangers_cannot_make_it_read_often(manager: "SecretsManagerClient", monkeypatch: pytest.MonkeyPatch) -> None:
    """But an unknown secret, which may be a new one, is looked up soon."""
    clock = Clock()
    keep(manager, {"current": "a"})
    pair = SecretPair("origin", clock)
    reads: list[str] = []
    client = secret_pair._client()
    read = client.get_secret_value

    def counted(**request: str) -> object:
        reads.append(request["SecretId"])
        return read(**request)

    monkeypatch.setattr(client, "get_secret_value", counted)
    for _ in range(100):
        clock.now_s += READ_AGAIN_AFTER_S / 50
        assert not pair.has("guess")
    assert len(reads) == 2
    keep(manager, {"current": "b", "other": "a"})
    assert not pair.has("b")
    clock.now_s += READ_AGAIN_AFTER_S
    assert pair.has("b")


def test_without_an_answer_the_last_secrets_stay_valid(manager: "SecretsManagerClient") -> None:
    clock = Clock()
    keep(manager, {"current": "a"})
    pair = SecretPair("origin", clock)
    assert pair.has("a")
    manager.delete_secret(SecretId="origin", ForceDeleteWithoutRecovery=True)
    clock.now_s += READ_EVERY_S
    assert pair.has("a")
    with pytest.raises(ClientError, match="ResourceNotFound"):
        SecretPair("origin").has("a")


def test_a_broken_value_locks_nobody_out_at_once(
    manager: "SecretsManagerClient", caplog: pytest.LogCaptureFixture
) -> None:
    """The last good one stays valid and the log says so. It is not read again at each handshake."""
    clock = Clock()
    keep(manager, {"current": "a"})
    pair = SecretPair("origin", clock)
    assert pair.has("a")
    keep(manager, "hush")
    clock.now_s += READ_EVERY_S
    assert [pair.has("a"), pair.has("a"), pair.has("hush")] == [True, True, False]
    assert [each.getMessage() for each in caplog.records] == ["could not read the secret again"]
    assert "hush" not in caplog.text


@pytest.mark.parametrize("value", ["text", "[1]", {}, {"current": ""}, {"current": 5}, {"other": "hush"}])
def test_a_value_without_a_current_secret_admits_nobody(manager: "SecretsManagerClient", value: object) -> None:
    keep(manager, value)
    with pytest.raises(ValueError, match="has no text 'current'") as error:
        SecretPair("origin").has("")
    assert "hush" not in str(error.value)
