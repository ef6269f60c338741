"""A snapshot as one attribute of a DynamoDB item: compressed JSON with exact decimals.

A snapshot of 75 quotes and their candles is about 9 KB compressed; DynamoDB bills a write per KB. Values go by their
names, so that the version after this one reads what this one wrote.
"""

import zlib
from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any, TypeVar, get_type_hints

from shared.model.values import Memory, Quote, Rate, Snapshot, SourceState, Suspicion
from shared.model.wire import dumps, loads
from shared.store.candles_codec import pack_open, unpack_open

T = TypeVar("T")
_KINDS: dict[type, dict[str, Any]] = {kind: get_type_hints(kind) for kind in (Quote, Rate, SourceState)}


def pack(snapshot: Snapshot) -> bytes:
    """The snapshot as bytes for `unpack`."""
    text = dumps(
        {
            "seq": snapshot.seq,
            "ts_ms": snapshot.ts_ms,
            "quotes": [_by_name(quote) for quote in snapshot.quotes.values()],
            "unavailable": dict(snapshot.unavailable),
            "rates": {name: _by_name(rate) for name, rate in snapshot.rates.items()},
            "currencies": {name: _by_name(rate) for name, rate in snapshot.currencies.items()},
            "memories": _pack_memories(snapshot.memories),
            "suspects": {name: [doubt.ticks, doubt.since_ms] for name, doubt in snapshot.suspects.items()},
            "usd_cad_history": snapshot.usd_cad_history,
            "usdt_cad_history": snapshot.usdt_cad_history,
            "sources": {name: _by_name(state) for name, state in snapshot.sources.items()},
            "candles": pack_open(snapshot.candles),
        }
    )
    return zlib.compress(text.encode(), level=6)


def unpack(packed: bytes) -> Snapshot:
    """The snapshot that `pack` packed. Names that a newer version added are passed over, older ones get defaults.

    Raises:
        ValueError: not such bytes, or of a version too far away.
    """
    try:
        stored = loads(zlib.decompress(packed))
        quotes = [_made(Quote, quote) for quote in stored["quotes"]]
        return Snapshot(
            seq=stored["seq"],
            ts_ms=stored["ts_ms"],
            quotes={quote.symbol: quote for quote in quotes},
            unavailable=stored["unavailable"],
            rates={name: _made(Rate, rate) for name, rate in stored["rates"].items()},
            currencies={name: _made(Rate, rate) for name, rate in stored.get("currencies", {}).items()},
            memories=_unpack_memories(stored.get("memories", [])),
            suspects={name: Suspicion(*doubt) for name, doubt in stored.get("suspects", {}).items()},
            usd_cad_history=_history(stored.get("usd_cad_history", [])),
            usdt_cad_history=_history(stored.get("usdt_cad_history", [])),
            sources={name: _made(SourceState, state) for name, state in stored["sources"].items()},
            candles=unpack_open(stored.get("candles", [])),
        )
    except (zlib.error, ValueError, ArithmeticError, LookupError, TypeError, AttributeError) as error:
        raise ValueError("not a packed snapshot") from error


def unpack_or_restart(packed: bytes, seq: int) -> Snapshot:
    """The snapshot; an empty one with its number when another version wrote it in a way that this one cannot read,
    so that an upgrade costs the history and not the feed."""
    try:
        return unpack(packed)
    except ValueError:
        return Snapshot(seq=seq)


def _history(rows: list[Any]) -> tuple[tuple[int, Decimal], ...]:
    return tuple((ts_ms, Decimal(mid)) for ts_ms, mid in rows)


def _pack_memories(memories: Mapping[str, Memory]) -> list[list[Any]]:
    """A row each: `[name, confirmed or null, confirmed_ms]`, and `held, held_ms, said_ms` where a price is held back.
    Names would double what they take."""
    return [
        [name, memory.confirmed, memory.confirmed_ms]
        + ([] if memory.held is None else [memory.held, memory.held_ms, memory.said_ms])
        for name, memory in memories.items()
    ]


def _unpack_memories(rows: list[Any]) -> dict[str, Memory]:
    return {
        name: Memory(
            None if confirmed is None else Decimal(confirmed),
            confirmed_ms,
            *((Decimal(held[0]), held[1], held[2]) if len(held) == 3 else ()),
        )
        for name, confirmed, confirmed_ms, *held in rows
    }


def _by_name(value: Quote | Rate | SourceState) -> dict[str, object]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _made(kind: type[T], stored: dict[str, Any]) -> T:
    """A whole number in JSON reads as an int; a price is a decimal all the same."""
    kinds = _KINDS[kind]
    return kind(**{name: Decimal(v) if kinds[name] is Decimal else v for name, v in stored.items() if name in kinds})
