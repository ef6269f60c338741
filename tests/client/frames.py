"""Frames as a server sends them, and the state of a book."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from cadfeed_client import Book
from shared.model.wire import dumps, loads

Frame = dict[str, Any]


def quote(symbol: str, seq: int, price: str = "1.25", ts: int | None = None, **more: object) -> Frame:
    number = Decimal(price)
    prices = {"bid": number, "ask": number, "spot": number, "change": Decimal("0.1"), "change_pct": Decimal("1.5")}
    ts = seq * 1000 if ts is None else ts
    return {"symbol": symbol, "timestamp": ts // 1000, **prices, "ts": ts, "seq": seq, "source": "kraken:X"} | more


def snapshot(seq: int, *quotes: Frame, unavailable: Sequence[str] = (), **more: object) -> Frame:
    return _batch("snapshot", {"seq": seq}, quotes, unavailable, more)


def update(seq: int, previous: int, *quotes: Frame, unavailable: Sequence[str] = (), **more: object) -> Frame:
    return _batch("update", {"seq": seq, "prev_seq": previous}, quotes, unavailable, more)


def acknowledged(*symbols: str, **more: object) -> Frame:
    channel = {"channel": "rates_batch", "symbols": list(symbols)}
    return {"event": "subscribed", "status": "subscribed", **channel, "id": 1} | more


def data(symbol: str, seq: int | None, price: str = "1.25", ts: int = 1000) -> Frame:
    """A frame of `rates`; without `seq` one of a plain server."""
    fields = quote(symbol, seq or 0, price, ts)
    if seq is None:
        del fields["seq"], fields["ts"]
    return {"channel": "rates", "event": "data", "data": fields}


def in_parts(frame: Frame, sizes: Sequence[int]) -> list[Frame]:
    """Split the frame's list into parts of these sizes; the last part has `unavailable`."""
    parts = []
    rest = list(frame["data"])
    for number, size in enumerate(sizes, 1):
        part = {name: value for name, value in frame.items() if name != "unavailable"}
        part |= {"data": rest[:size], "part": number, "parts": len(sizes)}
        if number > 1 and "prev_seq" in frame:
            part["prev_seq"] = frame["seq"]
        rest = rest[size:]
        parts.append(part)
    assert not rest
    if "unavailable" in frame:
        parts[-1]["unavailable"] = frame["unavailable"]
    return parts


def state(book: Book) -> dict[str, int | None]:
    """Return the tick of each symbol's quote, or `None`."""
    return {symbol: quote.seq for symbol, quote in book.quotes.items()} | dict.fromkeys(book.unavailable)


def _batch(
    event: str, seqs: Frame, quotes: Sequence[Frame], unavailable: Sequence[str], more: dict[str, object]
) -> Frame:
    frame = {"channel": "rates_batch", "event": event, **seqs, "ts": 1, "data": list(quotes)}
    # Encode and decode it, as the client gets it.
    parsed: Frame = loads(dumps(frame | ({"unavailable": list(unavailable)} if unavailable else {}) | more))
    return parsed
