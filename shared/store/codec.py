"""A snapshot as one attribute of a DynamoDB item: compressed JSON with exact decimals.

A snapshot of 75 quotes is about 17 KB of JSON and 3 to 4 KB compressed; DynamoDB bills a write per KB.
"""

import zlib
from dataclasses import fields
from decimal import Decimal
from typing import Any

from shared.values import Quote, Rate, Snapshot, SourceState
from shared.wire import dumps, loads

_QUOTE_FIELDS = [f.name for f in fields(Quote)]
_RATE_FIELDS = [f.name for f in fields(Rate)]
_STATE_FIELDS = [f.name for f in fields(SourceState)]


def pack(snapshot: Snapshot) -> bytes:
    """Values as rows in the order of their fields; names would be most of the size."""
    text = dumps(
        {
            "seq": snapshot.seq,
            "ts_ms": snapshot.ts_ms,
            "quotes": [[getattr(quote, name) for name in _QUOTE_FIELDS] for quote in snapshot.quotes.values()],
            "unavailable": dict(snapshot.unavailable),
            "rates": {name: [getattr(rate, f) for f in _RATE_FIELDS] for name, rate in snapshot.rates.items()},
            "usd_cad_history": snapshot.usd_cad_history,
            "sources": {name: [getattr(s, f) for f in _STATE_FIELDS] for name, s in snapshot.sources.items()},
        }
    )
    return zlib.compress(text.encode(), level=6)


def unpack(packed: bytes) -> Snapshot:
    """The snapshot that `pack` packed.

    Raises:
        ValueError: not such bytes.
    """
    try:
        stored = loads(zlib.decompress(packed))
    except zlib.error as error:
        raise ValueError("not a packed snapshot") from error
    quotes = (
        Quote(**_decimals(_QUOTE_FIELDS, row, "bid", "ask", "spot", "change", "change_pct")) for row in stored["quotes"]
    )
    return Snapshot(
        seq=stored["seq"],
        ts_ms=stored["ts_ms"],
        quotes={quote.symbol: quote for quote in quotes},
        unavailable=stored["unavailable"],
        rates={name: Rate(**_decimals(_RATE_FIELDS, row, "bid", "ask")) for name, row in stored["rates"].items()},
        usd_cad_history=tuple((ts_ms, Decimal(mid)) for ts_ms, mid in stored["usd_cad_history"]),
        sources={name: SourceState(*row) for name, row in stored["sources"].items()},
    )


def _decimals(names: list[str], row: list[Any], *decimals: str) -> dict[str, Any]:
    """A whole number in JSON reads as an int; a price is a decimal all the same."""
    values = dict(zip(names, row, strict=True))
    return values | {name: Decimal(values[name]) for name in decimals}
