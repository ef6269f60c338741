"""What an asset is worth at a time step, in any currency: one walk per asset, on which all its markets are."""

from decimal import Decimal
from functools import lru_cache

from tools.exchange.listings import Listing, reference, walking
from tools.exchange.random_walk import draw, walk

# Pegs keep to a band: what one unit strays from it at most.
USDT_BAND = Decimal("0.0005")
QCAD_BAND = Decimal("0.002")


class FairPrices:
    """Prices by seed and time step alone, before any exchange adds its offset and rounds to its tick.

    - An asset trades in one step, drawn at random, out of every `moves_every`, at all exchanges at once. Its worth in
      USDT is its reference x exp(walk), taken at its last trade.
    - USDT/USD is 1 + a walk that stays within 0.0005, USD/CAD its reference x exp(walk).
    - In USD an asset is worth its USDT price x USDT/USD, in CAD that x USD/CAD, each rate at the step asked for.
    - QCAD is worth 1 CAD + a walk that stays within 0.002.
    """

    def __init__(self, seed: int, steps_per_day: int) -> None:
        self._seed = seed
        self._daily_root = Decimal(steps_per_day).sqrt()
        self._usd_cad = reference("usd_cad")
        self._worth = lru_cache(maxsize=50_000)(self._worth_of)

    def price(self, code: str, quote: str, step: int) -> Decimal:
        """One unit of the asset in USD or CAD."""
        if code == "QCAD":
            in_cad = self._worth(code, step)
            return in_cad if quote == "CAD" else in_cad / self.usd_cad(step)
        in_usd = self.usdt_usd(step) if code == "USDT" else self._worth(code, step) * self.usdt_usd(step)
        return in_usd * self.usd_cad(step) if quote == "CAD" else in_usd

    def usdt_usd(self, step: int) -> Decimal:
        return self._worth("USDT", step)

    def usd_cad(self, step: int) -> Decimal:
        return self._worth("usd_cad", step)

    def last_trade(self, listing: Listing, step: int) -> int:
        """The step of the last trade at or before a step."""
        block, at = divmod(step, listing.moves_every)
        # One step of each block trades. Before it the market is where the block before left it.
        if self._draw(listing, "trade", block) % listing.moves_every > at:
            block -= 1
        return block * listing.moves_every + self._draw(listing, "trade", block) % listing.moves_every

    def at_trade(self, listing: Listing, traded: int) -> Decimal:
        """A listing's exact price at a step in which it traded."""
        return listing.price * self._move(listing, traded).exp()

    def bought(self, listing: Listing, traded: int) -> bool:
        """Whether a buyer took that trade, at the ask; else a seller did, at the bid."""
        return self._draw(listing, "side", traded) % 2 == 0

    def _worth_of(self, code: str, step: int) -> Decimal:
        listing = self._usd_cad if code == "usd_cad" else walking(code)
        traded = self.last_trade(listing, step)
        move, price = self._move(listing, traded), reference(code).price
        if code not in ("USDT", "QCAD"):
            return price * move.exp()
        band = USDT_BAND if code == "USDT" else QCAD_BAND
        return price + band * move / (band + abs(move))

    def _move(self, listing: Listing, traded: int) -> Decimal:
        return walk(f"{self._seed}/{listing.name}", traded) * listing.volatility / self._daily_root

    def _draw(self, listing: Listing, *key: object) -> int:
        return draw(self._seed, listing.name, *key)
