"""The stack of cdk.json, one with workers, and one that tells somebody of its alarms, each synthesised once."""

import pytest

from tests.infra.synthesis import Synthesised, synthesise


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    return synthesise(tmp_path_factory.mktemp("cdk.out"))


@pytest.fixture(scope="session")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    """Connections spread over shards, so with workers for them."""
    return synthesise(tmp_path_factory.mktemp("cdk.out"), connection_shards=2, post_rate=10_001)


@pytest.fixture(scope="session")
def alarming(tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    return synthesise(tmp_path_factory.mktemp("cdk.out"), alarm_email="ops@example.com")
