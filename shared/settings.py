"""A function's environment variables as one typed value, read once at its start."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import TypeVar, get_type_hints

from shared.model.channels import AMOUNT
from shared.model.staleness import Ages, ages

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """For `ingest`. `shared/sources/settings.py` has the settings of its sources. `backfill_function`: invoked when
    there is history to fetch; empty if the deployment does without. `standby`: a run that lost its lease watches its
    successor."""

    quotes_table: str
    tick_seconds: int
    stale_after_seconds: int
    backfill_function: str = ""
    standby: bool = True


@dataclass(frozen=True, slots=True)
class BackfillSettings:
    """For `backfill`, which has the same settings of sources as `ingest`."""

    quotes_table: str


@dataclass(frozen=True, slots=True)
class AuthorizeSettings:
    """For `authorize`. `token_keys`: the secret with the keys of tokens. `audience`: the feed that tokens are for."""

    token_keys: str
    audience: str


@dataclass(frozen=True, slots=True)
class MisnamedSettings:
    """For `disconnect`, and for the messages that name its route or that of `connect`."""

    connections_table: str
    connection_shards: int
    connections_url: str
    messages_per_minute: int
    message_burst: int


@dataclass(frozen=True, slots=True)
class ConnectSettings(MisnamedSettings):
    """For `connect`. `origin_secret`: the secret that the edge sends, empty if no edge stands before the API. `direct`:
    the API's own address is open as well. `allowed_origins`: of pages, with commas between; empty for all. The limits
    of connections are for a viewer, for a block of addresses, and for a shard; 0 for no limit. `address_key`: the log
    shows addresses hashed with this key; empty for the addresses themselves. `tokens`: only what a token grants gets
    in."""

    origin_secret: str = ""
    tokens: bool = False
    direct: bool = False
    allowed_origins: str = ""
    max_connections_per_client: int = 0
    max_connections_per_block: int = 0
    max_connections: int = 0
    address_key: str = ""


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """For functions that post to clients. `connections_url` is the address of the API's `@connections`. The tick and
    `stale_after_seconds` give the ages by which they judge a snapshot. `rates_change`: what `change` is on `rates`."""

    quotes_table: str
    connections_table: str
    connection_shards: int
    connections_url: str
    tick_seconds: int
    stale_after_seconds: int
    rates_change: str = field(default=AMOUNT, kw_only=True)

    @property
    def ages(self) -> Ages:
        return ages(self.tick_seconds, self.stale_after_seconds)


@dataclass(frozen=True, slots=True)
class DocumentSettings:
    """For `documents`. `ingest_function`: invoked by a reader when no ingest runs. The tick and `stale_after_seconds`
    give the ages by which it judges a snapshot."""

    quotes_table: str
    tick_seconds: int
    stale_after_seconds: int
    ingest_function: str

    @property
    def ages(self) -> Ages:
        return ages(self.tick_seconds, self.stale_after_seconds)


@dataclass(frozen=True, slots=True)
class PublishSettings(ClientSettings):
    """`post_rate`: posts per second; `post_burst`: posts at the same time. Above `connections_per_worker` connections,
    `worker_function`, if set, is invoked for each shard. `max_rates_connections`: as for `subscribe`; with 0 they are
    not counted."""

    post_rate: int
    post_burst: int
    connections_per_worker: int = 0
    max_rates_connections: int = 0
    worker_function: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSettings(ClientSettings):
    """`messages_per_minute`, `message_burst`: how many plain messages a connection may send per minute, and at the same
    time. `answer_rate`: posts per second of the long answers of all connections together; 0 for no limit. `rates`:
    whether that channel is on. `backfill_function`: invoked when a chart shows minutes of a single tick; empty without
    one."""

    messages_per_minute: int
    message_burst: int
    rates: bool = True
    answer_rate: int = 0
    backfill_function: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribeSettings(RequestSettings):
    """`ingest_function`: invoked by a subscription when no ingest runs. `max_rates_connections`: how many connections
    may be subscribed to `rates`, `max_rates_connections_per_client`: how many of one viewer, and
    `max_rates_connections_per_block`: of the addresses around it; 0 for no limit.
    `rates_every_seconds`: the shortest interval that a client has on `rates`; 0 for every tick."""

    ingest_function: str
    rates_every_seconds: int = 0
    max_rates_connections: int = 0
    max_rates_connections_per_client: int = 0
    max_rates_connections_per_block: int = 0


def read(kind: type[T], environment: Mapping[str, str]) -> T:
    """The settings of that kind. A field's variable has the field's name in capitals.

    Raises:
        ValueError: a variable is missing, or is not a number or true or false as required. The text names the variable.
    """
    hints = get_type_hints(kind)
    values: dict[str, object] = {}
    for each in fields(kind):  # type: ignore[arg-type]  # every kind is a dataclass
        name = each.name.upper()
        text = environment.get(name)
        if text is None:
            if each.default is MISSING:
                raise ValueError(f"the environment variable {name} is not set")
            continue
        read_as = _KINDS.get(hints[each.name])
        values[each.name] = read_as(name, text) if read_as else text
    return kind(**values)


def whole_number(name: str, text: str) -> int:
    """The number in an environment variable.

    Raises:
        ValueError: it is not a whole number. The text names the variable.
    """
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"the environment variable {name} is {text!r}, not a number") from None


def true_or_false(name: str, text: str) -> bool:
    """The choice in an environment variable.

    Raises:
        ValueError: it is neither `true` nor `false`. The text names the variable.
    """
    if text not in {"true", "false"}:
        raise ValueError(f"the environment variable {name} is {text!r}, not true or false")
    return text == "true"


_KINDS: Mapping[type, Callable[[str, str], object]] = {int: whole_number, bool: true_or_false}
