"""One stack per test module: a deployment takes ten seconds of CPU, and each module wants its own market."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.e2e.clients import opened
from tests.e2e.local_stack import Stack, local_stack


@pytest.fixture(scope="module")
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The module's stack, with its `TICK`, the options in its `EXCHANGE`, and the settings in its `CONTEXT`."""
    state = tmp_path_factory.mktemp("state")
    exchange = request.module.EXCHANGE
    options = exchange() if callable(exchange) else exchange
    context = getattr(request.module, "CONTEXT", [])
    with local_stack(state, tick=request.module.TICK, exchange=options, context=context) as running:
        yield running


@pytest.fixture(scope="session")
def common_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack with prices for the modules that only listen to the simulated market and change nothing."""
    with local_stack(tmp_path_factory.mktemp("state"), tick=1, exchange=["--seed=21"]) as running:
        asyncio.run(first_prices(running))
        yield running


async def first_prices(stack: Stack) -> None:
    async with opened(stack) as client:
        await client.subscribe("rates_batch")
        await client.until(lambda frame: bool(frame.get("data")), 60)
