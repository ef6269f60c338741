"""The stack of cdk.json without its site, and variants of it, each synthesised once."""

import pytest

from tests.infra.synthesis import Synthesised, synthesise


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    return synthesise(tmp_path_factory.mktemp("cdk.out"))


@pytest.fixture(scope="session")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    """A stack with shards, and so with workers."""
    return synthesise(tmp_path_factory.mktemp("cdk.out"), connection_shards=2, post_rate=10_001)


@pytest.fixture(scope="session")
def alarming(tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    return synthesise(tmp_path_factory.mktemp("cdk.out"), alarm_email="ops@example.com")


@pytest.fixture(scope="session")
def with_tokens(tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    """A stack for clients with a token only, without a limit of connections but the tokens' own."""
    folder = tmp_path_factory.mktemp("cdk.out")
    return synthesise(folder, auth="token", max_connections_per_client=0, max_connections_per_block=0)


@pytest.fixture(scope="session")
def with_site(tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    """The stack of cdk.json as it is."""
    return synthesise(tmp_path_factory.mktemp("cdk.out"), site=True)


@pytest.fixture(scope="session")
def with_own_domain(tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    """A site on an own domain, with a web ACL and access logs."""
    return synthesise(
        tmp_path_factory.mktemp("cdk.out"),
        site=True,
        site_domain="rates.example.com",
        site_certificate_arn="arn:aws:acm:us-east-1:123456789012:certificate/0a1b2c3d",
        site_access_logs=True,
        waf_rate_limit=1000,
    )
