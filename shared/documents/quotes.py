"""The documents with prices: all quotes or some, a single one, and all in the form of the feed's first version."""

from shared.documents.csv_text import csv_text
from shared.documents.problems import NO_PRICE, Problem
from shared.model.assets import catalogue
from shared.model.delta import view_seq
from shared.model.values import Quote, Snapshot
from shared.model.wire import dumps, number_text
from shared.protocol import QuoteTexts, View, quote_fields, source_status, symbols_of

MARKS = ("stale", "simulated")
COLUMNS = (
    *("symbol", "timestamp", "bid", "ask", "spot", "change", "change_pct", "ts", "seq", "source", "sources"),
    *("renamed_to", *MARKS),
)


def quotes_json(snapshot: Snapshot, view: View) -> bytes:
    """The fields of a `snapshot` frame of the channel with one frame per tick, all in one piece."""
    symbols = symbols_of(view)
    texts = QuoteTexts(snapshot)
    return dumps(
        {
            "seq": view_seq(snapshot, symbols),
            "ts": snapshot.ts_ms,
            "data": [texts.of(symbol) for symbol in symbols if symbol in snapshot.quotes],
            "unavailable": [symbol for symbol in symbols if symbol in snapshot.unavailable],
            "status": source_status(snapshot),
        }
    ).encode()


def quotes_csv(snapshot: Snapshot, view: View) -> bytes:
    """A row per quote. A symbol without a price has none."""
    quotes = (snapshot.quotes[symbol] for symbol in symbols_of(view) if symbol in snapshot.quotes)
    return csv_text(COLUMNS, ({**dict.fromkeys(MARKS, False), **quote_fields(quote)} for quote in quotes))


def quote_json(snapshot: Snapshot, symbol: str) -> bytes:
    """The quote of a symbol, as in all frames.

    Raises:
        Problem: it has no price.
    """
    if symbol not in snapshot.quotes:
        raise Problem(NO_PRICE, f"no source has a price of {symbol} now")
    return dumps(quote_fields(snapshot.quotes[symbol])).encode()


def coins_json(snapshot: Snapshot) -> bytes:
    """A list of all quotes. Prices are texts with all digits, `price_change_24hr` is an amount in CAD. A quote has the
    marks `stale` and `simulated` where it has them elsewhere."""
    return dumps([_coin(snapshot.quotes[symbol]) for symbol in catalogue() if symbol in snapshot.quotes]).encode()


def _coin(quote: Quote) -> dict[str, str | int | bool]:
    coin: dict[str, str | int | bool] = {
        "symbol_text": quote.symbol,
        "unix_timestamp": quote.ts_ms // 1000,
        "bid_price": number_text(quote.bid),
        "ask_price": number_text(quote.ask),
        "spot_price": number_text(quote.spot),
        "price_change_24hr": number_text(quote.change),
    }
    return coin | {mark: True for mark in MARKS if getattr(quote, mark)}
