"""A stack for each test module with options of its own, and one for all others: it takes ten seconds of a core."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.e2e.clients import opened
from tests.e2e.local_stack import COMMON_TICK, Stack, local_stack


@pytest.fixture(scope="module")
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The module's stack, with its `TICK`, the options in its `EXCHANGE`, and the settings in its `CONTEXT`. A module
    without these shares the common stack, and leaves it as it was."""
    if not hasattr(request.module, "EXCHANGE"):
        yield request.getfixturevalue("common_stack")
        return
    state = tmp_path_factory.mktemp("state")
    exchange = request.module.EXCHANGE
    options = exchange() if callable(exchange) else exchange
    context = getattr(request.module, "CONTEXT", [])
    with local_stack(state, tick=request.module.TICK, exchange=options, context=context) as running:
        yield running


@pytest.fixture(scope="session")
def common_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack with prices for the modules that change nothing, or change it back."""
    with local_stack(tmp_path_factory.mktemp("state"), tick=COMMON_TICK, exchange=["--seed=21"]) as running:
        asyncio.run(first_prices(running))
        yield running


async def first_prices(stack: Stack) -> None:
    async with opened(stack) as client:
        await client.subscribe("rates_batch")
        await client.until(lambda frame: bool(frame.get("data")), 60)
