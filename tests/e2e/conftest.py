"""One stack per test module: a deployment takes ten seconds of CPU, and each module wants its own market."""

from collections.abc import Iterator

import pytest

from tests.e2e.local_stack import Stack, local_stack


@pytest.fixture(scope="module")
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The module's stack, with its `TICK`, the options of its `EXCHANGE`, and what it sets in the `CONTEXT`."""
    state = tmp_path_factory.mktemp("state")
    exchange = request.module.EXCHANGE
    options = exchange() if callable(exchange) else exchange
    context = getattr(request.module, "CONTEXT", [])
    with local_stack(state, tick=request.module.TICK, exchange=options, context=context) as running:
        yield running
