"""Messages that no well-meaning client sends, made from a seed. `tests/right_answers.py` tells what each should get."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from shared.model.assets import catalogue
from tests.right_answers import MAX_MESSAGE_BYTES

Maker = Callable[[random.Random], str]


@dataclass(frozen=True, slots=True)
class Hostile:
    """A text message and its kind of fault."""

    kind: str
    text: str


def hostile_messages(count: int, seed: int) -> Iterator[Hostile]:
    """Yield that many messages, all kinds in turn, the same ones for the same seed."""
    rng = random.Random(seed)
    for number in range(count):
        make = MAKERS[number % len(MAKERS)]
        yield Hostile(make.__name__.strip("_"), make(rng))


def _noise(rng: random.Random) -> str:
    raw = rng.randbytes(rng.choice([1, 3, 20, 300]))
    return raw.decode("utf-8", "replace") if rng.random() < 0.5 else raw.decode("latin-1")


def _blank(rng: random.Random) -> str:
    return rng.choice(["", " ", "\n", "\t\r\n ", "\x00", "\ufeff", "\u2028", "\x7f", "{}", "[]", '""', "-", "\\"])


def _scalar(rng: random.Random) -> str:
    return rng.choice(
        ["null", "true", "false", "0", "-0", "1e5", "NaN", "-Infinity", "Infinity", '"ping"', "1.", ".5", "01", "+1"]
    )


def _any_json(rng: random.Random) -> str:
    return json.dumps(_value(rng), ensure_ascii=rng.random() < 0.5)


def _wrong_type(rng: random.Random) -> str:
    """Return a message in which one field holds any value."""
    message = _message(rng)
    message[rng.choice([*sorted(message), "id", "symbols", "channel"])] = _value(rng)
    return json.dumps(message)


def _missing_field(rng: random.Random) -> str:
    message = _message(rng)
    del message[rng.choice(sorted(message))]
    return json.dumps(message)


def _name(rng: random.Random) -> str:
    """Return a name that is almost an event or a channel, or one of another server."""
    message = _message(rng)
    names = ["PING", "ping ", " ping", "ping\x00", "", "$connect", "$disconnect", "$default", "__proto__", "toString"]
    names += ["rates ", "Rates", "rates_batch\n", "trades", "data", "error", "../../etc/passwd", "' OR 1=1 --", "%s%n"]
    names += ["{{7*7}}", "<script>alert(1)</script>", "\u202egnip", "p\u0456ng", "🚀" * 50, "x" * 3000, "\ud800"]
    message[rng.choice(["event", "channel", "symbol", "interval"])] = rng.choice(names)
    return json.dumps(message)


def _id(rng: random.Random) -> str:
    ids: list[Any] = [
        2**63,
        -(2**63) - 1,
        2**63 - 1,
        -(2**63),
        10**4000,
        "x" * 36,
        "x" * 37,
        "🚀" * 36,
        "\ud800",
        "\x00",
    ]
    ids += ["", True, False, [], {}, [1], {"id": 1}, 0, -1, '"}{', "</script>"]
    return json.dumps(_message(rng) | {"id": rng.choice(ids)})


def _number(rng: random.Random) -> str:
    """Return numbers that grow when printed or that no type holds, in fields for numbers."""
    number = rng.choice([
        "1e5", "1e308", "1e309", "-1e999", "1e-999", "1e99999", "1e999999", "-1E+999999999", "1e999999999999999999999",
        "0.1e-5", "-0.0", "0e999999999", "1.0", "1" + "0" * 4000, "0." + "3" * 4000, "1.5e-99999999", "-1", "0",
    ])  # fmt: skip
    field, event = rng.choice([
        ("timestamp", "ping"), ("limit", "history"), ("before", "history"), ("id", "ping"), ("event", "ping"),
        ("every", "subscribe"), ("symbols", "subscribe"), ("channel", "snapshot"), ("x", "ping"),
    ])  # fmt: skip
    rest = '"symbol":"BTC_CAD","interval":"1m","channel":"rates_batch",'
    return f'{{"event":"{event}",{rest if event != "ping" else ""}"{field}":{number}}}'


def _timestamp(rng: random.Random) -> str:
    values: list[Any] = [1718707723000, 1718707723.123, "2024-06-18T10:48:43Z", "x" * 37, True, None, [1], {"a": 1}]
    values += [2**64, -1, "", "\ud800", "🚀" * 36, _value(rng)]
    return json.dumps({"event": "ping", "timestamp": rng.choice(values), "pong": rng.random()})


def _deep(rng: random.Random) -> str:
    depth = rng.choice([60, 400, 990, 1010, 2000])
    opened, closed = rng.choice([("[", "]"), ('{"a":', "}")])
    depth = min(depth, 4000 // len(opened + closed))
    nested = f"{opened * depth}1{closed * depth}"
    return rng.choice([
        nested, opened * depth,
        f'{{"event":"ping","x":{nested}}}', f'{{"event":"subscribe","channel":"rates","symbols":{nested}}}',
    ])  # fmt: skip


def _duplicate_keys(rng: random.Random) -> str:
    one, two = (json.dumps(_message(rng))[1:-1] for _ in range(2))
    return f"{{{one},{two}}}"


def _symbols(rng: random.Random) -> str:
    known = sorted(catalogue())
    lists: list[Any] = [
        [],
        [""],
        [None],
        [1],
        [[]],
        ["BTC_CAD"] * 100,
        ["BTC_CAD"] * 101,
        ["X"] * 500,
        known,
        "BTC_CAD",
    ]
    lists += [{}, {"0": "BTC_CAD"}, ["btc_cad", "BTC-CAD", "BTC"], ["\ud800"], ["BTC_CAD", None], ["\x00BTC_CAD"]]
    lists += [["BTC_CAD", "x" * 3500], ["BTC_CAD", "NO_CAD", "NO_CAD"], [*known, *known], 0, False, "", ["🚀"] * 40]
    event = rng.choice(["subscribe", "unsubscribe", "snapshot"])
    message = {"event": event, "channel": rng.choice(["rates", "rates_batch"]), "symbols": rng.choice(lists)}
    if rng.random() < 0.2:
        del message["channel"]
    return json.dumps(message)


def _cut(rng: random.Random) -> str:
    text = json.dumps(_message(rng))
    return text[: rng.randrange(len(text))]


def _changed(rng: random.Random) -> str:
    """Return a message with one character inserted, removed or replaced."""
    text = json.dumps(_message(rng))
    at = rng.randrange(len(text))
    put = rng.choice(["", "\x00", "\x1f", "\ufeff", '"', "\\", "{", "}", ",", ":", "é", "\U0001f680", "\u2028", "0"])
    return text[:at] + put + text[at + rng.randrange(2) :]


def _not_quite_json(rng: random.Random) -> str:
    text = json.dumps(_message(rng))
    return rng.choice([
        text.replace('"', "'"), f"{text},", f"{text}{text}", f"[{text}]", json.dumps(text), f"{text[:-1]},}}",
        f"/* */{text}", f"\ufeff{text}", f"{text}\x00", f"data: {text}\n\n", f"42{text}", f"\x1f\x8b{text}",
        f" \n\t{text}\r\n", text.replace(":", " :\n"),
    ])  # fmt: skip


def _long(rng: random.Random) -> str:
    """Return a message at the limit of length or above it; bytes count, not characters."""
    size = rng.choice([MAX_MESSAGE_BYTES, MAX_MESSAGE_BYTES + 1, MAX_MESSAGE_BYTES + 2, 8192, 20_000, 31_000])
    head, tail = '{"event":"ping","x":"', '"}'
    letter = rng.choice(["x", "é", "🚀"])
    room, left = divmod(size - len(head) - len(tail), len(letter.encode()))
    return f"{head}{letter * room}{'x' * left}{tail}" if rng.random() < 0.8 else "x" * size


def _surrogates(rng: random.Random) -> str:
    """Return lone surrogates, which JSON can escape and UTF-8 cannot encode."""
    half = rng.choice(["\\ud800", "\\udfff", "\\udc00\\ud800", "a\\ud83d", "\\ud83d\\ude80"])
    return rng.choice([
        f'{{"event":"ping","id":"{half}"}}', f'{{"event":"{half}"}}', f'{{"event":"ping","{half}":1}}',
        f'{{"event":"subscribe","channel":"rates_batch","symbols":["BTC_CAD","{half}"]}}',
        f'{{"event":"subscribe","channel":"{half}"}}', f'{{"event":"ping","timestamp":"{half}"}}',
        f'{{"event":"history","symbol":"{half}","interval":"1m"}}', f'"{half}"',
        f'{{"event":"explain","symbol":"{half}"}}',
    ])  # fmt: skip


def _message(rng: random.Random) -> dict[str, Any]:
    """Return a valid message."""
    symbols = rng.sample(sorted(catalogue()), 3)
    return rng.choice(
        [
            {"event": "subscribe", "channel": rng.choice(["rates", "rates_batch"]), "symbols": symbols},
            {"event": "unsubscribe", "channel": rng.choice(["rates", "rates_batch"]), "symbols": symbols},
            {"event": "snapshot", "channel": "rates_batch", "symbols": symbols, "id": rng.randrange(1000)},
            {"event": "history", "symbol": symbols[0], "interval": "1m", "limit": 3, "before": 1718707723000},
            {"event": "explain", "symbol": symbols[0], "id": "why"},
            {"event": "ping", "id": "p", "timestamp": 1718707723},
            {"event": "subscriptions", "id": 1},
            {"event": "assets", "id": 2},
        ]
    )


def _value(rng: random.Random, depth: int = 3) -> Any:
    """Return any JSON value."""
    kind = rng.randrange(10 if depth else 7)
    if kind < 7:
        scalars: list[Any] = [
            None,
            rng.random() < 0.5,
            rng.randint(-(2**70), 2**70),
            rng.randint(-3, 3),
            rng.uniform(-1e9, 1e9),
        ]
        scalars += [
            "".join(map(chr, rng.choices(range(0xD7FF), k=rng.randrange(12)))),
            rng.choice(["rates", "BTC_CAD"]),
        ]
        return scalars[kind]
    values = [_value(rng, depth - 1) for _ in range(rng.randrange(5))]
    if kind < 9:
        return values
    names = ["event", "id", "channel", "symbols", "symbol", "data", "", "__proto__", "constructor"]
    return {rng.choice(names): value for value in values}


MAKERS: list[Maker] = [
    _noise, _blank, _scalar, _any_json, _wrong_type, _missing_field, _name, _id, _number, _timestamp, _deep,
    _duplicate_keys, _symbols, _cut, _changed, _not_quite_json, _long, _surrogates,
]  # fmt: skip
