"""What an asset is worth at a time step, in any currency: one walk per asset, on which all its markets are."""

from decimal import Decimal
from functools import lru_cache

from tools.simulator.listings import Listing, reference
from tools.simulator.random_walk import draw, walk, wave

# Pegs keep to a band: what one unit strays from it at most.
USDT_BAND = Decimal("0.0005")
QCAD_BAND = Decimal("0.002")

BASIS_POINT = Decimal("0.0001")
# How far a source strays from the fair price, as a standard deviation: what trades seldom strays further. With it two
# sources differ by 0.4 to 1.9 basis points in the median, as exchanges do on quiet days, and by less than 13 ever.
STRAYS = Decimal("0.6") * BASIS_POINT
STRAYS_BY_REST = Decimal("0.06") * BASIS_POINT
USDT_STRAYS = Decimal("0.3") * BASIS_POINT
STRAYS_FOR_S = 300


class FairPrices:
    """Prices by seed and time step alone, before any exchange adds its offset and rounds to its tick.

    - An asset trades in one step, drawn at random, out of every `moves_every`, at all exchanges at once. Its worth in
      USDT is its reference x exp(walk), taken at its last trade.
    - USDT/USD is 1 + a walk that stays within 0.0005, USD/CAD its reference x exp(walk).
    - In USD an asset is worth its USDT price x USDT/USD, in CAD that x USD/CAD, each rate at the step asked for.
    - QCAD is worth 1 CAD + a walk that stays within 0.002.
    - Each source strays from that by a few basis points, to another place every five minutes, and slowly.
    """

    def __init__(self, seed: int, steps_per_day: int) -> None:
        self._seed = seed
        self._daily_root = Decimal(steps_per_day).sqrt()
        self._strays_for = max(1, steps_per_day * STRAYS_FOR_S // 86_400)
        self._usd_cad = reference("usd_cad")
        self._worth = lru_cache(maxsize=50_000)(self._worth_of)
        self._strayed = lru_cache(maxsize=50_000)(self._strayed_by)

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

    def strays(self, source: str, code: str, step: int) -> Decimal:
        """How far the source's price of an asset, or of `usd_cad`, is from the fair one, relative, at its last trade.
        Kraken states the fair price of USDT: it is what the others' prices in USDT are converted by."""
        return self._strayed(source, code, step)

    def last_trade(self, listing: Listing, step: int) -> int:
        """The step of the last trade at or before a step."""
        block, at = divmod(step, listing.moves_every)
        # One step of each block trades. Before it the market is where the block before left it.
        if self._draw(listing, "trade", block) % listing.moves_every > at:
            block -= 1
        return block * listing.moves_every + self._draw(listing, "trade", block) % listing.moves_every

    def at_trade(self, listing: Listing, traded: int) -> Decimal:
        """What one unit of a listing's asset is worth in USDT at a step in which it traded."""
        return listing.price * self._move(listing, traded).exp()

    def bought(self, listing: Listing, traded: int) -> bool:
        """Whether a buyer took that trade, at the ask; else a seller did, at the bid."""
        return self._draw(listing, "side", traded) % 2 == 0

    def more_traded(self, listing: Listing, traded: int) -> int:
        """By how many trades the 24 h up to that trade are more than the quietest."""
        return self._draw(listing, "trades", traded) % 8

    def _worth_of(self, code: str, step: int) -> Decimal:
        listing = reference(code)
        traded = self.last_trade(listing, step)
        if code not in ("USDT", "QCAD"):
            return self.at_trade(listing, traded)
        band = USDT_BAND if code == "USDT" else QCAD_BAND
        move = self._move(listing, traded)
        return listing.price + band * move / (band + abs(move))

    def _strayed_by(self, source: str, code: str, step: int) -> Decimal:
        if (source, code) == ("kraken", "USDT"):
            return Decimal(0)
        listing = reference(code)
        far = USDT_STRAYS if code == "USDT" else STRAYS + STRAYS_BY_REST * listing.moves_every
        place = wave(f"{self._seed}/strays/{source}/{code}", self.last_trade(listing, step), self._strays_for)
        return place * far

    def _move(self, listing: Listing, traded: int) -> Decimal:
        return walk(f"{self._seed}/{listing.code}", traded) * listing.volatility / self._daily_root

    def _draw(self, listing: Listing, *key: object) -> int:
        return draw(self._seed, listing.code, *key)
