"""A function that lacks a variable names it at its start."""

import pytest

from shared.settings import (
    ClientSettings,
    ConnectSettings,
    IngestSettings,
    MisnamedSettings,
    RequestSettings,
    SubscribeSettings,
    read,
)

INGEST = {"QUOTES_TABLE": "quotes", "TICK_SECONDS": "5", "STALE_AFTER_SECONDS": "30"}
CLIENT = {
    "QUOTES_TABLE": "quotes",
    "CONNECTIONS_TABLE": "connections",
    "CONNECTION_SHARDS": "4",
    "CONNECTIONS_URL": "https://example.com/live",
    "TICK_SECONDS": "5",
    "STALE_AFTER_SECONDS": "30",
}
REQUEST = CLIENT | {"MESSAGES_PER_MINUTE": "5", "MESSAGE_BURST": "10"}


def test_settings_are_read_with_their_types_and_defaults() -> None:
    assert read(IngestSettings, INGEST | {"PATH": "/bin"}) == IngestSettings("quotes", 5, 30)
    assert read(IngestSettings, INGEST | {"STANDBY": "false"}).standby is False
    assert read(IngestSettings, INGEST | {"STANDBY": "true"}).standby is True
    with pytest.raises(ValueError, match="variable STANDBY is 'no', not true or false"):
        read(IngestSettings, INGEST | {"STANDBY": "no"})
    assert read(MisnamedSettings, REQUEST) == MisnamedSettings("connections", 4, "https://example.com/live", 5, 10)
    assert read(ClientSettings, CLIENT) == ClientSettings("quotes", "connections", 4, "https://example.com/live", 5, 30)
    assert read(RequestSettings, REQUEST) == RequestSettings(
        "quotes", "connections", 4, "https://example.com/live", 5, 30, messages_per_minute=5, message_burst=10
    )
    subscribe = read(SubscribeSettings, REQUEST | {"INGEST_FUNCTION": "ingest", "BACKFILL_FUNCTION": "backfill"})
    assert (subscribe.message_burst, subscribe.ingest_function, subscribe.backfill_function) == (
        10,
        "ingest",
        "backfill",
    )
    connect = read(ConnectSettings, REQUEST | {"MAX_CONNECTIONS_PER_CLIENT": "3", "DIRECT": "true"})
    assert (connect.max_connections_per_client, connect.direct, connect.origin_secret) == (3, True, "")


@pytest.mark.parametrize(
    ("kind", "environment"),
    [(IngestSettings, INGEST), (ClientSettings, CLIENT), (SubscribeSettings, REQUEST | {"INGEST_FUNCTION": "ingest"})],
)
def test_a_missing_variable_is_named(kind: type[object], environment: dict[str, str]) -> None:
    for name in environment:
        without = {key: value for key, value in environment.items() if key != name}
        with pytest.raises(ValueError, match=f"variable {name} is not set"):
            read(kind, without)


@pytest.mark.parametrize("text", ["", "five", "1.5", "1s"])
def test_a_variable_that_is_not_a_number_is_named_with_its_text(text: str) -> None:
    with pytest.raises(ValueError, match=f"variable TICK_SECONDS is '{text}', not a number"):
        read(IngestSettings, INGEST | {"TICK_SECONDS": text})
    with pytest.raises(ValueError, match="CONNECTION_SHARDS"):
        read(MisnamedSettings, REQUEST | {"CONNECTION_SHARDS": text})
