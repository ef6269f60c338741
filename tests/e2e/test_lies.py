"""The lie matrix: every source lies about all its markets, by every factor. `test_lies_rest.py` has the rest.

`make lies` tries every cell and prints the table of docs/prices.md; else it is a fifth of them.
"""

import asyncio

import pytest

from tests.e2e.lies import CONTEXT, EXCHANGE, FACTORS, LIARS, TICK, Told, lie, listening, show
from tests.e2e.local_stack import Stack
from tests.e2e.matrix import cells

__all__ = ["CONTEXT", "EXCHANGE", "TICK"]  # of the module's stack


@pytest.mark.parametrize(("liar", "factor"), cells(LIARS, FACTORS, 5))
def test_a_lie_about_all_markets_keeps_quotes_within_their_bands(stack: Stack, liar: str, factor: str) -> None:
    """This holds for assets with three sources."""

    async def run() -> Told:
        async with listening(stack) as client:
            return await lie(stack, client, {liar: {"lie": {"factor": factor}}})

    show(liar, f"all markets x {factor}", asyncio.run(run()))
