"""An asset's fair price at a time step in any currency: one random walk per asset for all its markets."""

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from tools.simulator.listings import Listing, reference
from tools.simulator.market import MINUTE_MS
from tools.simulator.past_path import UNIT, PastPath
from tools.simulator.random_walk import FARTHEST_WAVE, draw, extremes, walk, wave

# The greatest distance of a pegged unit from its peg.
USDT_BAND = Decimal("0.0005")
QCAD_BAND = Decimal("0.002")

BASIS_POINT = Decimal("0.0001")
# The standard deviation of a source's price from the fair one; assets that trade seldom deviate more. With it two
# sources differ by a median of 0.4 to 1.9 basis points, like exchanges on quiet days, and always by less than 13.
DEVIATION = Decimal("0.6") * BASIS_POINT
DEVIATION_PER_REST = Decimal("0.06") * BASIS_POINT
USDT_DEVIATION = Decimal("0.3") * BASIS_POINT
DEVIATION_LASTS_S = 300

# The past ends before step 0, so that also the last trades before it, which state prices at step 0, are the walk's.
PAST_ENDS = -64
PAST_DIGITS = Decimal("1e-12")


@dataclass(frozen=True, slots=True)
class Span:
    """An interval of candles: when it begins (Unix ms) and how long it is, and its first and last step."""

    begins_ms: int
    interval_ms: int
    first: int
    last: int


class FairPrices:
    """Prices that depend only on seed and time step, before an exchange adds its offset and rounds to its tick.

    - An asset trades in one random step out of every `moves_every`, at all exchanges at once. Its price in USDT is its
      reference x exp(walk) at its last trade.
    - USDT/USD is 1 + a walk that stays within 0.0005, USD/CAD its reference x exp(walk).
    - An asset's price in USD is its USDT price x USDT/USD, in CAD that x USD/CAD, each rate at the requested step.
    - QCAD is worth 1 CAD + a walk that stays within 0.002.
    - Each source deviates from that by a few basis points and moves slowly to another deviation every five minutes.
    - Before step `PAST_ENDS` a `PastPath` that ends there takes the place of the walk, which would return to its start
      every three days. It also depends on `began_ms`, when step 0 began (Unix ms). There is a trade in every step.
    """

    def __init__(
        self, seed: int, steps_per_day: int, *, began_ms: int = 0, length_ms: Decimal = Decimal(1_000)
    ) -> None:
        self._seed = seed
        self._began_ms = began_ms
        self._length_ms = length_ms
        self._past_ends_ms = self._time_ms(PAST_ENDS)
        self._paths: dict[str, PastPath] = {}
        # The moves at which the paths end.
        self._joins: dict[str, Decimal] = {}
        self._daily_root = Decimal(steps_per_day).sqrt()
        self._deviation_steps = max(1, steps_per_day * DEVIATION_LASTS_S // 86_400)
        self._usd_cad = reference("usd_cad")
        self._worth = lru_cache(maxsize=50_000)(self._worth_of)
        self._cached_deviation = lru_cache(maxsize=50_000)(self._deviation_at)
        self._cached_reach = lru_cache(maxsize=20_000)(self._reach)

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

    def reach(self, code: str, span: Span) -> tuple[Decimal, Decimal]:
        """Return the lowest and the highest worth of one unit of an asset, or of `usd_cad`, in a span.

        It is in USDT, that of USDT in USD, and that of QCAD and of `usd_cad` in CAD.
        """
        return self._cached_reach(code, span)

    def price_reach(self, code: str, quote: str, span: Span) -> tuple[Decimal, Decimal]:
        """Return bounds of one unit of the asset in USD or CAD in a span."""
        low, high = self.reach(code, span)
        cad_low, cad_high = self.reach("usd_cad", span)
        if code == "QCAD":
            return (low, high) if quote == "CAD" else (low / cad_high, high / cad_low)
        if code != "USDT":
            usdt_low, usdt_high = self.reach("USDT", span)
            low, high = low * usdt_low, high * usdt_high
        return (low * cad_low, high * cad_high) if quote == "CAD" else (low, high)

    def past_usd_cad(self, time_ms: int) -> Decimal:
        """Return USD/CAD at a time in the past as a multiple of that where the past ends; 1 after it."""
        if time_ms >= self._past_ends_ms:
            return Decimal(1)
        rate = reference("usd_cad")
        return (self._path("usd_cad").at(time_ms) * rate.volatility / UNIT).exp()

    def deviation(self, source: str, code: str, step: int) -> Decimal:
        """Return the relative deviation of a source's price of an asset, or of `usd_cad`, at its last trade.

        Kraken's USDT has none: the others' prices in USDT are converted with it."""
        return self._cached_deviation(source, code, step)

    def deviation_reach(self, source: str, code: str, span: Span) -> tuple[Decimal, Decimal]:
        """Return bounds of `deviation` in a span; those of a minute are narrow."""
        if (source, code) == ("kraken", "USDT"):
            return Decimal(0), Decimal(0)
        if span.interval_ms > DEVIATION_LASTS_S * 1_000:
            most = self._far(code) * FARTHEST_WAVE
            return -most, most
        knot = span.last - span.last % self._deviation_steps
        found = [self.deviation(source, code, step) for step in {span.first, max(span.first, knot), span.last}]
        return min(found), max(found)

    def last_trade(self, listing: Listing, step: int) -> int:
        """Return the step of the last trade at or before a step. In the past there is one in every step."""
        if listing.moves_every == 1 or step < PAST_ENDS:
            return step
        block, at = divmod(step, listing.moves_every)
        # One step of each block trades. Until then the price of the block before holds.
        if self._draw(listing, "trade", block) % listing.moves_every > at:
            block -= 1
        return block * listing.moves_every + self._draw(listing, "trade", block) % listing.moves_every

    def at_trade(self, listing: Listing, traded: int) -> Decimal:
        """Return the worth in USDT of one unit of a listing's asset at a step in which it traded."""
        return self._moved(listing, self._move(listing, traded))

    def bought(self, listing: Listing, traded: int) -> bool:
        """Return whether a buyer took that trade, at the ask; otherwise a seller did, at the bid."""
        return self._draw(listing, "side", traded) % 2 == 0

    def more_traded(self, listing: Listing, traded: int) -> int:
        """Return how many more trades the 24 h up to that trade had than the quietest."""
        return self._draw(listing, "trades", traded) % 8

    def _worth_of(self, code: str, step: int) -> Decimal:
        listing = reference(code)
        return self.at_trade(listing, self.last_trade(listing, step))

    def _moved(self, listing: Listing, move: Decimal) -> Decimal:
        if listing.code not in ("USDT", "QCAD"):
            return listing.price * move.exp()
        band = USDT_BAND if listing.code == "USDT" else QCAD_BAND
        return listing.price + band * move / (band + abs(move))

    def _reach(self, code: str, span: Span) -> tuple[Decimal, Decimal]:
        listing = reference(code)
        moves: list[Decimal] = []
        if span.begins_ms < self._past_ends_ms:
            stretch = self._path(code).stretch(span.begins_ms, span.interval_ms)
            moves += (self._past_move(listing, value) for value in (stretch.low, stretch.high))
        if span.last >= PAST_ENDS:
            walked = extremes(f"{self._seed}/{code}", max(span.first, PAST_ENDS), span.last)
            moves += (position * listing.volatility / self._daily_root for position in walked)
        return self._moved(listing, min(moves)), self._moved(listing, max(moves))

    def _deviation_at(self, source: str, code: str, step: int) -> Decimal:
        if (source, code) == ("kraken", "USDT"):
            return Decimal(0)
        traded = self.last_trade(reference(code), step)
        return wave(f"{self._seed}/strays/{source}/{code}", traded, self._deviation_steps) * self._far(code)

    def _far(self, code: str) -> Decimal:
        return USDT_DEVIATION if code == "USDT" else DEVIATION + DEVIATION_PER_REST * reference(code).moves_every

    def _move(self, listing: Listing, traded: int) -> Decimal:
        if traded < PAST_ENDS:
            # A step in which a minute begins has the price of that moment, which is the one that costs least.
            begins_ms, ends_ms = self._time_ms(traded), self._time_ms(traded + 1)
            minute_ms = (ends_ms - 1) // MINUTE_MS * MINUTE_MS
            time_ms = min(max(begins_ms, minute_ms), self._past_ends_ms - 1)
            return self._past_move(listing, self._path(listing.code).at(time_ms))
        return walk(f"{self._seed}/{listing.code}", traded) * listing.volatility / self._daily_root

    def _past_move(self, listing: Listing, value: int) -> Decimal:
        if listing.code not in self._joins:
            self._joins[listing.code] = self._move(listing, PAST_ENDS)
        # A few digits are enough, and their exponential costs a third.
        return (self._joins[listing.code] + value * listing.volatility / UNIT).quantize(PAST_DIGITS)

    def _path(self, code: str) -> PastPath:
        if code not in self._paths:
            self._paths[code] = PastPath(f"{self._seed}/past/{code}", self._past_ends_ms)
        return self._paths[code]

    def _time_ms(self, step: int) -> int:
        return self._began_ms + int(step * self._length_ms)

    def _draw(self, listing: Listing, *key: object) -> int:
        return draw(self._seed, listing.code, *key)
