"""The stack of cdk.json, synthesised once."""

import pytest

from tests.infra.synthesis import Synthesised, synthesise


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    return synthesise(tmp_path_factory.mktemp("cdk.out"))
