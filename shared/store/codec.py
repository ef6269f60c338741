"""A snapshot as one attribute of a DynamoDB item: compressed JSON with exact decimals.

A snapshot of all quotes and their candles is about 9 KB compressed; DynamoDB bills a write per KB. Values are stored by
field name, so the next version can read them.
"""

import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields, replace
from decimal import Decimal
from itertools import accumulate
from typing import Any, TypeVar, get_type_hints

from shared.model.recent import Recent
from shared.model.values import Memory, Quote, Rate, Snapshot, SourceState, Suspicion
from shared.model.wire import dumps
from shared.store.candles_codec import pack_open, pack_ticks, unpack_open
from shared.store.packed import UNREADABLE, price_of, unzipped

T = TypeVar("T")
LARGEST_TIME_MS = 2**53  # exact in JSON
_KINDS: dict[type, dict[str, Any]] = {kind: get_type_hints(kind) for kind in (Quote, Rate, SourceState)}


def pack(snapshot: Snapshot) -> bytes:
    """The snapshot as bytes that `unpack` reads.

    Raises:
        TypeError: a value has no exact JSON form.
    """
    text = dumps(
        {
            "seq": snapshot.seq,
            "ts_ms": snapshot.ts_ms,
            "quotes": [_by_name(quote) for quote in snapshot.quotes.values()],
            "unavailable": dict(snapshot.unavailable),
            "rates": {name: _by_name(rate) for name, rate in snapshot.stated_fx_rates.items()},
            "currencies": {name: _by_name(rate) for name, rate in snapshot.fx_rates.items()},
            "memories": _pack_memories(snapshot.memories),
            "suspects": {name: [doubt.ticks, doubt.since_ms] for name, doubt in snapshot.suspects.items()},
            "usd_cad_history": snapshot.usd_cad_history,
            "usdt_cad_history": snapshot.usdt_cad_history,
            "sources": {name: _by_name(state) for name, state in snapshot.sources.items()},
            "candles": pack_open(snapshot.candles),
            "ticks": pack_ticks(snapshot.candles),
            "recent": _pack_recent(snapshot.recent),
        }
    )
    return zlib.compress(text.encode(), level=6)


def unpack(packed: bytes) -> Snapshot:
    """The snapshot that `pack` packed. Unknown fields, which a newer version added, are skipped; missing ones get
    defaults.

    Raises:
        ValueError: the bytes are not a packed snapshot of this or a compatible version.
    """
    try:
        stored = unzipped(packed)
        return Snapshot(**{name: read(stored) for name, read in _PARTS.items()})
    except UNREADABLE as error:
        raise ValueError("not a packed snapshot") from error


def unpack_or_restart(packed: bytes, seq: int) -> Snapshot:
    """The snapshot with this `seq`, the item's attribute, whatever is packed. Of one that this version cannot read, the
    parts that it can: an upgrade or a broken item may cost some of the history, but not the feed."""
    try:
        return replace(unpack(packed), seq=seq)
    except ValueError:
        return _readable(packed, seq)


def _readable(packed: bytes, seq: int) -> Snapshot:
    parts: dict[str, Any] = {}
    with suppress(*UNREADABLE):
        stored = unzipped(packed)
        for name, read in _PARTS.items():
            with suppress(*UNREADABLE):
                parts[name] = read(stored)
    return Snapshot(**{**parts, "seq": seq})


def _history(rows: list[Any]) -> tuple[tuple[int, Decimal], ...]:
    return tuple((_time(ts_ms), price_of(mid)) for ts_ms, mid in rows)


def _pack_recent(recent: Recent) -> list[int]:
    """The first tick's time and `seq`, then for each tick the differences to the one before: most are alike."""
    before = ((0, 0), *recent)
    return [number for a, b in zip(before, recent, strict=False) for number in (b[0] - a[0], b[1] - a[1])]


def _unpack_recent(numbers: list[Any]) -> Recent:
    times, seqs = accumulate(numbers[::2]), accumulate(numbers[1::2])
    return tuple((_time(ts_ms), _time(seq)) for ts_ms, seq in zip(times, seqs, strict=True))


def _pack_memories(memories: Mapping[str, Memory]) -> list[list[Any]]:
    """One row each: `[name, confirmed or null, confirmed_ms]`, then `held, held_ms, said_ms` if a price is held. Field
    names would double the size."""
    return [
        [name, memory.confirmed, memory.confirmed_ms]
        + ([] if memory.held is None else [memory.held, memory.held_ms, memory.said_ms])
        for name, memory in memories.items()
    ]


def _unpack_memories(rows: list[Any]) -> dict[str, Memory]:
    return {
        name: Memory(
            None if confirmed is None else price_of(confirmed),
            _time(confirmed_ms),
            *((price_of(held[0]), _time(held[1]), _time(held[2])) if len(held) == 3 else ()),
        )
        for name, confirmed, confirmed_ms, *held in rows
    }


def _by_name(value: Quote | Rate | SourceState) -> dict[str, object]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _made(kind: type[T], stored: dict[str, Any]) -> T:
    kinds = _KINDS[kind]
    return kind(**{name: _typed(kinds[name], value) for name, value in stored.items() if name in kinds})


def _typed(kind: type, value: Any) -> Any:
    """The value of a field. JSON reads a whole number as an int, so prices are converted to `Decimal`."""
    if kind is Decimal:
        return price_of(value)
    if type(value) is not kind:
        raise TypeError(f"not a {kind.__name__}: {value!r:.40}")
    return value


def _time(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= LARGEST_TIME_MS:
        raise ValueError("not a time or a tick")
    return value


# How each field of a snapshot is read.
_PARTS: Mapping[str, Callable[[Any], Any]] = {
    "seq": lambda stored: _time(stored["seq"]),
    "ts_ms": lambda stored: _time(stored["ts_ms"]),
    "quotes": lambda stored: {quote.symbol: quote for quote in (_made(Quote, each) for each in stored["quotes"])},
    "unavailable": lambda stored: {str(symbol): _time(seq) for symbol, seq in stored["unavailable"].items()},
    "stated_fx_rates": lambda stored: {name: _made(Rate, rate) for name, rate in stored["rates"].items()},
    "fx_rates": lambda stored: {name: _made(Rate, rate) for name, rate in stored.get("currencies", {}).items()},
    "memories": lambda stored: _unpack_memories(stored.get("memories", [])),
    "suspects": lambda stored: {name: Suspicion(*doubt) for name, doubt in stored.get("suspects", {}).items()},
    "usd_cad_history": lambda stored: _history(stored.get("usd_cad_history", [])),
    "usdt_cad_history": lambda stored: _history(stored.get("usdt_cad_history", [])),
    "sources": lambda stored: {name: _made(SourceState, state) for name, state in stored["sources"].items()},
    "candles": lambda stored: unpack_open(stored.get("candles", []), stored.get("ticks", [])),
    "recent": lambda stored: _unpack_recent(stored.get("recent", [])),
}
