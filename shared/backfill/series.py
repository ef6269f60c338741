"""One series of candles: an asset's, of one interval, in CAD, each from the first market that has it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from shared.backfill.asker import HistoryAsker
from shared.backfill.past_rates import PastRates
from shared.model.assets import Asset, Market
from shared.model.candles import INTERVAL_MS, Candle
from shared.pricing.consensus import near
from shared.pricing.past import in_cad
from shared.sources.history import Wanted

Askers = Mapping[str, HistoryAsker]


@dataclass(frozen=True, slots=True)
class Series:
    """An asset's candles of one interval."""

    asset: Asset
    interval: str

    @property
    def name(self) -> str:
        return f"{self.interval}#{self.asset.symbol}"


def fetch(series: Series, begins: Iterable[int], askers: Askers, rates: PastRates) -> Iterator[list[Candle]]:
    """The candles that began at these times, market by market, those of each oldest first.

    The first market in the catalogue's order that has a candle decides it; a market that has some is not asked for them
    again.

    A market in CAD has to agree with the next market in another currency within the asset's band: it trades seldom, and
    its last trade may lie far outside of its book.

    Raises:
        GivenUp: a source does not answer. A later market must not take its place for good.
        Stopped: the run has to end.
    """
    markets = [market for market in (*series.asset.markets, *series.asset.past_markets) if market.source in askers]
    asked: dict[Market, dict[int, Candle]] = {}

    def of(market: Market, times: set[int]) -> dict[int, Candle]:
        if market not in asked:
            asked[market] = _in_cad(series, market, times, askers, rates)
        return asked[market]

    missing = set(begins)
    for index, market in enumerate(markets):
        possible = {open_ms for open_ms in missing if market.existed_at(open_ms)}
        if not possible:
            continue
        candles = {open_ms: candle for open_ms, candle in of(market, possible).items() if open_ms in possible}
        peer = next((other for other in markets[index + 1 :] if other.quote != "CAD"), None)
        if market.quote == "CAD" and peer and candles:
            peers = of(peer, {open_ms for open_ms in possible if peer.existed_at(open_ms)})
            candles = {t: c for t, c in candles.items() if t not in peers or _agree(c, peers[t], series.asset.band)}
        missing -= candles.keys()
        if candles:
            yield [candles[open_ms] for open_ms in sorted(candles)]


def _in_cad(series: Series, market: Market, times: set[int], askers: Askers, rates: PastRates) -> dict[int, Candle]:
    """A market's candles from the first to the last of these times, in CAD."""
    if not times:
        return {}
    wanted = Wanted(market.name, series.interval, min(times), max(times) + INTERVAL_MS[series.interval])
    return {
        candle.open_ms: in_cad(candle, rate, market.per_unit_at(candle.open_ms))
        for candle in askers[market.source].candles(wanted)
        if (rate := rates.at(market.quote, series.interval, candle.open_ms))
    }


def _agree(candle: Candle, other: Candle, band: Decimal) -> bool:
    pairs = ((candle.open, other.open), (candle.high, other.high), (candle.low, other.low), (candle.close, other.close))
    return all(near(a, b, band) for a, b in pairs)
