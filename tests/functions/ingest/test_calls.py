"""Failed calls are counted, and the last error is named, until somebody takes the count."""

import pytest
from botocore.exceptions import EndpointConnectionError

from functions.ingest import grid
from functions.ingest.calls import PAUSE_MS, Calls
from tests.functions.ingest.ingests import Clock
from tests.samples import NOW_MS


def test_the_last_failure_is_told_once_by_its_kind_and_text() -> None:
    calls = Calls()
    assert calls.taken() == (0, "")
    calls.count(ValueError("first"))
    calls.count(EndpointConnectionError(endpoint_url="https://dynamodb.example"))
    failed, error = calls.taken()
    assert failed == 2
    assert error == 'EndpointConnectionError: Could not connect to the endpoint URL: "https://dynamodb.example"'
    assert calls.taken() == (0, "")


def test_a_long_error_is_cut() -> None:
    calls = Calls()
    calls.count(ValueError("x" * 1_000))
    assert calls.taken() == (1, f"ValueError: {'x' * 200}")


@pytest.mark.parametrize(("until_ms", "repeated"), [(0, 0), (PAUSE_MS, 0), (PAUSE_MS + 1, 1), (3 * PAUSE_MS + 1, 3)])
def test_a_call_is_repeated_after_a_pause_while_there_is_time(
    monkeypatch: pytest.MonkeyPatch, until_ms: int, repeated: int
) -> None:
    clock, calls = Clock(), Calls()
    called_ms: list[int] = []
    monkeypatch.setattr(grid, "time", clock)

    def away() -> None:
        assert len(called_ms) <= repeated
        called_ms.append(clock.ms - NOW_MS)
        raise EndpointConnectionError(endpoint_url="https://dynamodb.example")

    with pytest.raises(EndpointConnectionError):
        calls.repeat(away, NOW_MS + until_ms)
    assert called_ms == [PAUSE_MS * number for number in range(repeated + 1)]
    assert calls.taken()[0] == repeated + 1
