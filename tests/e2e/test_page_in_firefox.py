"""The page's own tests on a whole stack, in Firefox: table, chart, and messages when sources fail.

A dark scheme and a device without a network are left out: Playwright cannot emulate them in Firefox.
"""

import pytest

from tests.e2e import page_on_stack
from tests.e2e.local_stack import Stack

TICK, EXCHANGE, CONTEXT = page_on_stack.TICK, page_on_stack.EXCHANGE, page_on_stack.CONTEXT


@pytest.mark.parametrize("name", page_on_stack.NAMES)
def test_the_page_shows_what_the_stack_sends(stack: Stack, name: str) -> None:
    page_on_stack.pass_in("firefox", name, stack)
