"""The answer to `assets`: the catalogue."""

from collections.abc import Sequence

from shared.model.assets import Asset, catalogue
from shared.model.values import Snapshot
from shared.model.wire import Encoded, dumps
from shared.protocol.errors import Id
from shared.protocol.frames import reply
from shared.protocol.parts import Part, in_parts


def assets_frames(snapshot: Snapshot, message_id: Id) -> tuple[bytes, ...]:
    """Every asset in the catalogue's order, and whether it has a price now. One frame, or its parts."""

    def frame(rows: Sequence[Encoded], part: Part) -> bytes:
        return reply({"event": "assets", "assets": rows, **part.fields()}, message_id)

    return in_parts(listed_assets(snapshot), frame)


def listed_assets(snapshot: Snapshot) -> list[Encoded]:
    """Every asset in the catalogue's order, as JSON."""
    return [Encoded(dumps(_fields(asset, snapshot))) for asset in catalogue().values()]


def _fields(asset: Asset, snapshot: Snapshot) -> dict[str, str | int]:
    fields: dict[str, str | int] = {
        "symbol": asset.symbol,
        "base": asset.code,
        "quote": "CAD",
        "name": asset.name,
        "decimals": asset.decimals,
        "status": _status(asset.symbol, snapshot),
    }
    if asset.symbol_of_today:
        fields["renamed_to"] = asset.symbol_of_today
    return fields


def _status(symbol: str, snapshot: Snapshot) -> str:
    quote = snapshot.quotes.get(symbol)
    if quote is None:
        return "unavailable"
    return "stale" if quote.stale else "live"
