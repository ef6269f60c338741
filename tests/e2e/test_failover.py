"""Each exchange fails, in each way: the first part of the matrix; `test_failover_rest.py` has the other.

`make failover` tries every cell; else it is a third of them, each way once.
"""

import asyncio

import pytest

from tests.e2e.failover import CONTEXT, EXCHANGE, EXCHANGES, FAULTS, OFF, PRICE_SOURCES, TICK, fail, is_shown
from tests.e2e.local_stack import Stack
from tests.e2e.matrix import cells

__all__ = ["CONTEXT", "EXCHANGE", "TICK"]  # of the module's stack


@pytest.mark.parametrize(("failing", "fault"), cells(EXCHANGES, FAULTS, 3))
def test_an_exchange_that_fails_is_passed_over_and_comes_back(stack: Stack, failing: str, fault: str) -> None:
    off = dict.fromkeys(PRICE_SOURCES[: PRICE_SOURCES.index(failing)], OFF)
    row = asyncio.run(fail(stack, off, off | {failing: FAULTS[fault]}, (failing,), shown=is_shown(failing, fault)))
    print(f"| {failing} | {fault} | {row} |")
