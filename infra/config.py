"""What a deployment may choose: the `context` of cdk.json, or `-c name=value` on the command line."""

from dataclasses import dataclass, fields
from typing import Any, get_type_hints

from constructs import Node


@dataclass(frozen=True, slots=True)
class FeedConfig:
    """Every setting of a deployment. The base URLs are empty for the public addresses of the sources."""

    stack_name: str = "Cadfeed"
    stage_name: str = "live"
    tick_seconds: int = 5
    stale_after_seconds: int = 30
    connection_shards: int = 1
    throttle_rate: int = 1000
    throttle_burst: int = 500
    log_retention_days: int = 14
    tracing: bool = True
    retain_data: bool = True
    access_log_role: bool = True
    connections_url_base: str = ""
    binance_base_url: str = ""
    kraken_base_url: str = ""
    bank_of_canada_base_url: str = ""
    er_api_base_url: str = ""
    cli_credentials: bool = False


def config_from(node: Node) -> FeedConfig:
    """The settings of a construct tree.

    Raises:
        ValueError: a value that the setting cannot have; it names the setting.
    """
    hints = get_type_hints(FeedConfig)
    values: dict[str, Any] = {}
    for field in fields(FeedConfig):
        value = node.try_get_context(field.name)
        values[field.name] = field.default if value is None else _typed(field.name, hints[field.name], value)
    config = FeedConfig(**values)
    if not 1 <= config.tick_seconds <= 60:
        raise ValueError(f"tick_seconds is {config.tick_seconds}; it is 1 to 60")
    if config.connection_shards < 1:
        raise ValueError(f"connection_shards is {config.connection_shards}; it is at least 1")
    return config


def _typed(name: str, kind: type, value: object) -> str | int | bool:
    text = str(value)
    if kind is bool:
        if text.lower() not in {"true", "false"}:
            raise ValueError(f"{name} is {text!r}; it is true or false")
        return text.lower() == "true"
    if kind is int:
        try:
            return int(text)
        except ValueError:
            raise ValueError(f"{name} is {text!r}; it is a whole number") from None
    return text
