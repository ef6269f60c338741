"""Failed calls are counted, and the last error is named, until somebody takes the count."""

from botocore.exceptions import EndpointConnectionError

from functions.ingest.calls import Calls


def test_the_last_failure_is_told_once_by_its_kind_and_text() -> None:
    calls = Calls()
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
