"""A quote on the wire: the whole state of its symbol."""

from dataclasses import replace
from decimal import Decimal

from shared.model.assets import catalogue
from shared.model.channels import AMOUNT, PERCENT, RATES
from shared.model.values import Quote, Snapshot
from shared.model.wire import Encoded, dumps
from shared.protocol.compact import RowTexts
from shared.protocol.errors import Id
from shared.protocol.frames import reply


class QuoteTexts:
    """The quotes of a snapshot as JSON, in `rows` as rows. Each is encoded on first use, once for all frames that hold
    it. `rates_change`: what `change` is in a frame of one quote, `amount` or `percent`."""

    def __init__(self, snapshot: Snapshot, rates_change: str = AMOUNT) -> None:
        self.snapshot = snapshot
        self.rows = RowTexts(snapshot)
        self._is_percent = rates_change == PERCENT
        self._texts: dict[str, Encoded] = {}
        self._alone: dict[str, Encoded] = {}

    def of(self, symbol: str) -> Encoded:
        """The quote of a symbol.

        Raises:
            KeyError: the symbol has no price.
        """
        if symbol not in self._texts:
            self._texts[symbol] = Encoded(dumps(quote_fields(self.snapshot.quotes[symbol])))
        return self._texts[symbol]

    def alone(self, symbol: str) -> Encoded:
        """The quote of a symbol for a frame of its own, as readers of such frames expect it.

        Raises:
            KeyError: the symbol has no price.
        """
        if not self._is_percent:
            return self.of(symbol)
        if symbol not in self._alone:
            quote = self.snapshot.quotes[symbol]
            self._alone[symbol] = Encoded(dumps(quote_fields(replace(quote, change=quote.change_pct))))
        return self._alone[symbol]


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
