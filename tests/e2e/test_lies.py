"""The lie matrix: every source lying about all its markets by every factor; the rest of it is in `test_lies_rest.py`.

`pytest -s tests/e2e/test_lies*.py` prints the table of docs/prices.md.
"""

import asyncio

import pytest

from tests.e2e.lies import CONTEXT, EXCHANGE, FACTORS, LIARS, TICK, Told, lie, listening, show
from tests.e2e.local_stack import Stack

__all__ = ["CONTEXT", "EXCHANGE", "TICK"]  # of the module's stack


@pytest.mark.parametrize("liar", LIARS)
@pytest.mark.parametrize("factor", FACTORS)
def test_a_lie_about_all_markets_moves_no_quote_with_three_sources_beyond_its_band(
    stack: Stack, liar: str, factor: str
) -> None:
    async def run() -> Told:
        async with listening(stack) as client:
            return await lie(stack, client, {liar: {"lie": {"factor": factor}}})

    show(liar, f"all markets x {factor}", asyncio.run(run()))
