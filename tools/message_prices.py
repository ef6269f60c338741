"""The prices of messages, and what one connection can cause with them, as tables for the documents."""

from infra.config import FeedConfig
from shared.model.message_limit import MessageLimit
from shared.requests.prices import Work, kinds, most_in, price_of


def default_limit() -> MessageLimit:
    """Return the limit of a connection with the default settings."""
    config = FeedConfig()
    return MessageLimit(config.messages_per_minute, config.message_burst)


def message_prices() -> str:
    """Return a row per kind of message: its price, and the most that it makes the feed do."""
    rows = ["| message | counts as | posts | bytes | read units | write units |", "|---|---:|---:|---:|---:|---:|"]
    rows += [f"| {name} | {price_of(work)} | {_cells(work)} |" for name, work in kinds().items()]
    return "\n".join(rows)


def most_of_a_connection() -> str:
    """Return a row per time: the most that one connection can cause by its messages."""
    rows = ["| within | posts | bytes | read units | write units |", "|---|---:|---:|---:|---:|"]
    for name, minutes in (("its first minute", 1), ("an hour", 60), ("two hours, its whole life", 120)):
        rows.append(f"| {name} | {_cells(most_in(default_limit(), minutes))} |")
    return "\n".join(rows)


def _cells(work: Work) -> str:
    return " | ".join(f"{each:,}" for each in (work.posts, work.size_bytes, work.read_units, work.write_units))
