"""The contract, `docs/asyncapi.yaml`, as a check of messages on the wire.

Messages come from `shared.model.wire.loads`: a fraction is a `Decimal`, which counts as a number and never as an
integer. https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError, best_match

from shared.model.wire import loads

CONTRACT = Path(__file__).parents[1] / "docs" / "asyncapi.yaml"


class Misfit(AssertionError):
    """A message that does not fit the contract."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message of the contract: its name, its schema without references, and its examples."""

    name: str
    schema: Mapping[str, Any]
    validator: Draft7Validator
    examples: tuple[Any, ...]

    @property
    def event(self) -> str | None:
        """Return its event, which identifies it in its direction. API Gateway's own message has none."""
        event = self.schema["properties"]["event"]
        return str(event["const"]) if isinstance(event, Mapping) else None

    @property
    def channel(self) -> str | None:
        """Return its channel, if that tells it from others with the same event."""
        channel = self.schema["properties"].get("channel", {})
        return str(channel["const"]) if "const" in channel else None

    def check(self, payload: object) -> None:
        """Raises: Misfit."""
        error = best_match(self.validator.iter_errors(payload))
        if error is not None:
            raise Misfit(f"{self.name}: {_explained(error)}\nin {payload!r:.2000}")


def check(frame: object) -> str:
    """Check a frame of the server against its schema; return the name of its message.

    Raises:
        Misfit: it does not fit any frame of the contract.
    """
    return _check(frame, _by_event("server"))


@lru_cache(maxsize=1_000)
def check_text(frame: bytes) -> str:
    """Check the text of a posted frame; equal texts are checked once."""
    return check(loads(frame))


def check_sent(message: object) -> str:
    """Check a client's request against its schema, like `check` for frames."""
    return _check(message, _by_event("client"))


@cache
def contract() -> Mapping[str, Any]:
    """Return the document with all references resolved. Its fractions are `Decimal`s."""
    document = yaml.load(CONTRACT.read_text(encoding="utf-8"), _Exact)  # noqa: S506 - a safe loader

    @cache
    def at(reference: str) -> Any:
        node = document
        for key in reference.removeprefix("#/").split("/"):
            node = node[key]
        return resolved(node)

    def resolved(node: Any) -> Any:
        if isinstance(node, dict):
            return at(node["$ref"]) if "$ref" in node else {key: resolved(value) for key, value in node.items()}
        return [resolved(item) for item in node] if isinstance(node, list) else node

    return dict(resolved(document))


@cache
def sent_by_clients() -> Mapping[str, Message]:
    """Return the messages that the server receives, by their names in the channel."""
    return _messages(operation for operation in contract()["operations"].values() if operation["action"] == "receive")


@cache
def sent_by_server() -> Mapping[str, Message]:
    """Return the messages that the server sends or replies, by their names in the channel."""
    operations = contract()["operations"].values()
    sends = [operation for operation in operations if operation["action"] == "send"]
    return _messages([*sends, *(operation["reply"] for operation in operations if "reply" in operation)])


class _Exact(yaml.SafeLoader):
    """YAML with every fraction as a `Decimal`."""


_Exact.add_constructor("tag:yaml.org,2002:float", lambda _loader, node: Decimal(node.value))


def _messages(operations: Iterable[Mapping[str, Any]]) -> dict[str, Message]:
    named = contract()["channels"]["feed"]["messages"]
    # Each is resolved once, so all references share one object.
    used = [message for operation in operations for message in operation["messages"]]
    return {
        name: Message(
            name,
            message["payload"],
            Draft7Validator(message["payload"]),
            tuple(example["payload"] for example in message["examples"]),
        )
        for name, message in named.items()
        if any(message is each for each in used)
    }


@cache
def _by_event(sent_by: str) -> Mapping[str | None, Sequence[Message]]:
    messages = sent_by_clients() if sent_by == "client" else sent_by_server()
    by_event: dict[str | None, list[Message]] = {}
    for message in messages.values():
        by_event.setdefault(message.event, []).append(message)
    for named in by_event.values():
        channels = {message.channel for message in named}
        assert len(channels) == len(named), "two messages of one direction have the same event and channel"
    return by_event


def _check(payload: object, by_event: Mapping[str | None, Sequence[Message]]) -> str:
    if not isinstance(payload, dict):
        raise Misfit(f"not an object: {payload!r:.2000}")
    event = payload.get("event")
    if not isinstance(event, str | None) or event not in by_event:
        raise Misfit(f"no message has this event: {payload!r:.2000}")
    first, *others = by_event[event]
    message = next((each for each in others if each.channel == payload.get("channel")), first)
    message.check(payload)
    return message.name


def _explained(error: ValidationError) -> str:
    where = "".join(f"[{key!r}]" for key in error.absolute_path)
    return f"{where} {error.message:.500}".strip()
