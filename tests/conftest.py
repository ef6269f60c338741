"""The order of the tests: with several workers, what takes longest starts first."""

import pytest

LONGEST_FIRST = (
    "e2e/test_failover",
    "e2e/test_schedule",
    "e2e/test_candles",
    "e2e/test_page_on",
    "e2e/",
    "fan_out/",
    "infra/",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: next((n for n, part in enumerate(LONGEST_FIRST) if part in item.nodeid), 99))
