"""A function that starts without a variable that it needs says which one."""

import pytest

from shared.settings import (
    ClientSettings,
    ConnectionSettings,
    IngestSettings,
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
REQUEST = CLIENT | {"MESSAGES_PER_SECOND": "5", "MESSAGE_BURST": "10"}


def test_settings_are_read_with_their_types_and_defaults() -> None:
    assert read(IngestSettings, INGEST | {"PATH": "/bin"}) == IngestSettings("quotes", 5, 30)
    assert read(ConnectionSettings, CLIENT) == ConnectionSettings("connections", 4)
    assert read(ClientSettings, CLIENT) == ClientSettings("quotes", "connections", 4, "https://example.com/live", 5, 30)
    assert read(RequestSettings, REQUEST) == RequestSettings(
        "quotes", "connections", 4, "https://example.com/live", 5, 30, 5, 10
    )
    assert read(SubscribeSettings, REQUEST | {"INGEST_FUNCTION": "ingest"}) == SubscribeSettings(
        "quotes", "connections", 4, "https://example.com/live", 5, 30, 5, 10, "ingest"
    )
    assert read(ConnectionSettings, CLIENT | {"MAX_CONNECTIONS_PER_CLIENT": "3"}).max_connections_per_client == 3


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
def test_a_variable_that_is_no_number_is_named_with_its_text(text: str) -> None:
    with pytest.raises(ValueError, match=f"variable TICK_SECONDS is '{text}', not a number"):
        read(IngestSettings, INGEST | {"TICK_SECONDS": text})
    with pytest.raises(ValueError, match="CONNECTION_SHARDS"):
        read(ConnectionSettings, CLIENT | {"CONNECTION_SHARDS": text})


def test_only_the_sources_whose_address_is_configured_have_one() -> None:
    assert read(IngestSettings, INGEST).base_urls == {}
    urls = {
        f"{name}_BASE_URL": f"http://{name}"
        for name in ("BINANCE", "KRAKEN", "BANK_OF_CANADA", "ER_API", "NDAX", "COINBASE", "COINGECKO")
    }
    assert read(IngestSettings, INGEST | urls).base_urls == {
        "binance": "http://BINANCE",
        "kraken": "http://KRAKEN",
        "bank_of_canada": "http://BANK_OF_CANADA",
        "er_api": "http://ER_API",
        "ndax": "http://NDAX",
        "coinbase": "http://COINBASE",
        "coingecko": "http://COINGECKO",
    }
    assert read(IngestSettings, INGEST | {"KRAKEN_BASE_URL": "http://k", "ER_API_BASE_URL": ""}).base_urls == {
        "kraken": "http://k"
    }
