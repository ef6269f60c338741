"""The test vectors that all clients share: clients/vectors/README.md says what they mean."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cadfeed_client.machine import Action, Changed, End, Heard, Machine, Open, Send
from cadfeed_client.quote import Quote
from cadfeed_client.requests import Subscription

FOLDER = Path(__file__).parents[2] / "clients" / "vectors"
COUNTED = ("opens", "closes", "subscribes", "asks")
Fields = dict[str, Any]


def cases() -> list[Any]:
    """Return every case with its steps and the default quote of its file."""
    found = []
    for path in sorted(FOLDER.glob("*.json")):
        vectors = json.loads(path.read_text(encoding="utf-8"))
        found += [
            pytest.param(case["steps"], vectors["quote"], id=f"{path.stem}: {case['name']}")
            for case in vectors["cases"]
        ]
    return found


@pytest.mark.parametrize(("steps", "quote"), cases())
def test_the_client_agrees_with_the_vectors(steps: list[Fields], quote: Fields) -> None:
    machine = Machine(Subscription(), draw=lambda lowest, _: lowest)
    sums = dict.fromkeys(COUNTED, 0)
    last: object = None
    for step in steps:
        actions = take(machine, step, text_of(step, quote, last))
        messages = [json.loads(action.text) for action in actions if isinstance(action, Send)]
        last = messages[-1]["id"] if messages else last
        counts = counts_of(actions, messages)
        sums = {name: sums[name] + counts[name] for name in COUNTED}
        found = seen(machine, actions) | counts | {f"{name}_so_far": count for name, count in sums.items()}
        counted = [name for name in COUNTED if not any(f"{name}_so_far" in each.get("expect", {}) for each in steps)]
        expected = dict.fromkeys(counted, 0) | step.get("expect", {})
        if "quotes" in expected:
            expected["quotes"] = {symbol: Decimal(spot) for symbol, spot in expected["quotes"].items()}
        assert {name: found[name] for name in expected} == expected, f"at {step['at_ms']} ms"


def take(machine: Machine, step: Fields, text: str) -> list[Action]:
    now_ms = step["at_ms"]
    match step.get("do"):
        case "start":
            return machine.start()
        case "opened":
            return machine.opened(step["on"], now_ms)
        case "lost":
            return machine.lost(step["on"], "", now_ms)
        case "elapsed":
            return machine.tick(now_ms)
        case _:
            return machine.received(step["on"], text, now_ms)


def text_of(step: Fields, quote: Fields, last: object) -> str:
    frame = step.get("frame")
    if frame is None:
        return str(step.get("text", ""))
    frame = dict(frame)
    if "data" in frame:
        frame["data"] = [quote | fields for fields in frame["data"]]
    if frame.get("id") == "$last":
        frame["id"] = last
    return json.dumps(frame)


def counts_of(actions: list[Action], messages: list[Fields]) -> dict[str, int]:
    events = [message["event"] for message in messages]
    return {
        "opens": sum(isinstance(action, Open) for action in actions),
        "closes": sum(isinstance(action, End) for action in actions),
        "subscribes": events.count("subscribe"),
        "asks": events.count("snapshot"),
    }


def seen(machine: Machine, actions: list[Action]) -> Fields:
    quotes = machine.book.quotes
    changes = [change for action in actions if isinstance(action, Heard | Changed) for change in action.changes]
    return {
        "quotes": {symbol: quote.spot for symbol, quote in quotes.items()},
        "unavailable": sorted(machine.book.unavailable),
        "stale": [symbol for symbol, quote in quotes.items() if quote.stale],
        "sources": {symbol: quote.sources for symbol, quote in quotes.items()},
        "percents": {symbol: str(quote.change_pct) for symbol, quote in quotes.items()},
        "times": {symbol: quote.ts_ms for symbol, quote in quotes.items()},
        "late": machine.book.status.late,
        "suspect": machine.book.status.that_are("suspect"),
        "changed": [change.symbol for change in changes if isinstance(change, Quote)],
        "link": str(machine.state.link),
    }
