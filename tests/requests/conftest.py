"""The metrics of the routes, which need a namespace."""

import pytest


@pytest.fixture(autouse=True)
def namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "cadfeed")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "test")
