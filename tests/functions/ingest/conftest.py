"""The stage of a test's ingests."""

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from functions.ingest import grid
from tests.functions.ingest.ingests import Clock, Stage


@pytest.fixture
def stage(quotes_items: Table, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A stage for ingests on a controlled clock, with a listener."""
    clock = Clock()
    monkeypatch.setattr(grid, "time", clock)
    made = Stage(quotes_items, clock)
    made.table.join_audience(clock.ms)
    return made
