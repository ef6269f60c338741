"""A quote on the wire: the whole state of its symbol."""

from decimal import Decimal

from shared.model.assets import catalogue
from shared.model.channels import RATES
from shared.model.values import Quote, Snapshot
from shared.model.wire import Encoded, dumps
from shared.protocol.compact import RowTexts
from shared.protocol.errors import Id
from shared.protocol.frames import reply


class QuoteTexts:
    """The quotes of a snapshot as JSON, in `rows` as rows. Each is encoded on first use, once for all frames that hold
    it."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.rows = RowTexts(snapshot)
        self._texts: dict[str, Encoded] = {}

    def of(self, symbol: str) -> Encoded:
        """The quote of a symbol.

        Raises:
            KeyError: the symbol has no price.
        """
        if symbol not in self._texts:
            self._texts[symbol] = Encoded(dumps(quote_fields(self.snapshot.quotes[symbol])))
        return self._texts[symbol]


def quote_fields(quote: Quote) -> dict[str, str | int | bool | Decimal]:
    """The fields of a quote. `timestamp` is its time in Unix seconds, `ts` in milliseconds."""
    fields: dict[str, str | int | bool | Decimal] = {
        "symbol": quote.symbol,
        "timestamp": quote.ts_ms // 1000,
        "bid": quote.bid,
        "ask": quote.ask,
        "spot": quote.spot,
        "change": quote.change,
        "change_pct": quote.change_pct,
        "ts": quote.ts_ms,
        "seq": quote.seq,
        "source": quote.source,
        "sources": quote.sources,
    }
    if (asset := catalogue().get(quote.symbol)) and asset.symbol_of_today:
        fields["renamed_to"] = asset.symbol_of_today
    if quote.stale:
        fields["stale"] = True
    if quote.simulated:
        fields["simulated"] = True
    return fields


def data_frame(quote: Encoded, message_id: Id = None) -> bytes:
    """A frame of the channel `rates`, with the id of the message that asked for it, if one did."""
    return reply({"channel": RATES, "event": "data", "data": quote}, message_id)
