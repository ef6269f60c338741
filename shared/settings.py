"""A function's environment variables as one typed value, read once, when it starts."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import TypeVar, get_type_hints

from shared.model.staleness import Ages, ages

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """`*_base_url`: where a source is asked, empty for its public address. `*_poll_seconds`: how often, 0 for its own
    pace. `coingecko_key_parameter`: where CoinGecko's key is, empty for none."""

    quotes_table: str
    tick_seconds: int
    stale_after_seconds: int
    binance_base_url: str = ""
    kraken_base_url: str = ""
    bank_of_canada_base_url: str = ""
    er_api_base_url: str = ""
    ndax_base_url: str = ""
    coinbase_base_url: str = ""
    coingecko_base_url: str = ""
    ndax_poll_seconds: int = 0
    coinbase_poll_seconds: int = 0
    coingecko_poll_seconds: int = 0
    coingecko_key_parameter: str = ""

    @property
    def poll_every_ms(self) -> dict[str, int]:
        seconds = {
            "ndax": self.ndax_poll_seconds,
            "coinbase": self.coinbase_poll_seconds,
            "coingecko": self.coingecko_poll_seconds,
        }
        return {source: pace_s * 1000 for source, pace_s in seconds.items() if pace_s}

    @property
    def base_urls(self) -> dict[str, str]:
        urls = {
            "binance": self.binance_base_url,
            "kraken": self.kraken_base_url,
            "bank_of_canada": self.bank_of_canada_base_url,
            "er_api": self.er_api_base_url,
            "ndax": self.ndax_base_url,
            "coinbase": self.coinbase_base_url,
            "coingecko": self.coingecko_base_url,
        }
        return {source: url for source, url in urls.items() if url}


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """For `connect` and `disconnect`. `max_connections_per_client`: 0 for as many as it likes."""

    connections_table: str
    connection_shards: int
    max_connections_per_client: int = 0


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """For what answers or feeds clients. `connections_url` is where API Gateway takes posts to connections. By the tick
    and by `stale_after_seconds` they judge how old what they read is."""

    quotes_table: str
    connections_table: str
    connection_shards: int
    connections_url: str
    tick_seconds: int
    stale_after_seconds: int

    @property
    def ages(self) -> Ages:
        return ages(self.tick_seconds, self.stale_after_seconds)


@dataclass(frozen=True, slots=True)
class PublishSettings(ClientSettings):
    """`post_rate`, `post_burst`: posts per second and at once. Above `connections_per_worker` connections each shard is
    served by an invocation of `worker_function`, if there is one."""

    post_rate: int
    post_burst: int
    connections_per_worker: int = 0
    worker_function: str = ""


@dataclass(frozen=True, slots=True)
class RequestSettings(ClientSettings):
    """`messages_per_second`, `message_burst`: how many messages a connection may send, and at once."""

    messages_per_second: int
    message_burst: int


@dataclass(frozen=True, slots=True)
class SubscribeSettings(RequestSettings):
    """`ingest_function`: what a subscription wakes when no ingest runs."""

    ingest_function: str


def read(kind: type[T], environment: Mapping[str, str]) -> T:
    """The settings of that kind; a field's variable is its name in capitals.

    Raises:
        ValueError: a variable is missing or is no number where one is needed. It names the variable.
    """
    hints = get_type_hints(kind)
    values: dict[str, object] = {}
    for field in fields(kind):  # type: ignore[arg-type]  # every kind is a dataclass
        name = field.name.upper()
        text = environment.get(name)
        if text is None:
            if field.default is MISSING:
                raise ValueError(f"the environment variable {name} is not set")
            continue
        try:
            values[field.name] = hints[field.name](text)
        except ValueError:
            raise ValueError(f"the environment variable {name} is {text!r}, not a number") from None
    return kind(**values)
