"""The quotes of a frame, as objects or as rows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from shared.model.channels import has_rows
from shared.model.values import Snapshot
from shared.model.wire import Encoded
from shared.protocol.compact import Legend
from shared.protocol.quotes import QuoteTexts


class Body(NamedTuple):
    """The name of a frame's list of quotes, its items, and the fields that explain them."""

    name: str
    items: Sequence[Encoded]
    fields: Mapping[str, Any]


def body_of(
    channel: str,
    texts: QuoteTexts,
    symbols: Sequence[str],
    told: Iterable[str],
    seq: int,
    known: Snapshot | None = None,
    *,
    is_whole: bool = False,
) -> Body:
    """The quotes of the symbols in `told`, in a frame of the tick `seq` and a view of `symbols`.

    `known`: a snapshot whose legend the client has, so that an equal one need not be stated. `is_whole`: the frame
    tells the whole view.
    """
    if not has_rows(channel):
        return Body("data", [texts.of(symbol) for symbol in told], {})
    legend = Legend(texts.snapshot, symbols)
    places = {symbol: index for index, symbol in enumerate(symbols)}
    rows = [texts.rows.of(symbol, places[symbol], seq) for symbol in told]
    if not known or not legend.is_of(known):
        return Body("rows", rows, legend.stated())
    return Body("rows", rows, legend.repeated() if is_whole else legend.named())
