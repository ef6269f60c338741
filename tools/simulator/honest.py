"""The sources' prices without faults, each market also in CAD. Tests compare the feed's prices with these."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Context, Decimal
from statistics import median

from shared.model.assets import price_sources
from tools.simulator.cross_markets import TRAITS
from tools.simulator.listings import coins_per_unit, markets_at
from tools.simulator.market import Market, Moment, PairTicker
from tools.simulator.rates import er_api_rate, valet_rate

RATE_DIGITS = Context(prec=12)


@dataclass(frozen=True, slots=True)
class Stated:
    """A source's prices of a market. `book` is false if the feed gets no bid and ask."""

    bid: Decimal
    ask: Decimal
    last: Decimal
    book: bool = True

    @property
    def price(self) -> Decimal:
        """Return the middle of its book, otherwise its last trade."""
        return (self.bid + self.ask) / 2 if self.book else self.last


def honest(market: Market, moment: Moment) -> dict[str, object]:
    """Return the rates, and the catalogue's live markets by source and name.

    `usd_cad` and `usdt_cad` are the middles of Kraken's books, if there are any. A market's `cad` is the worth of one
    unit of its asset at its `price` in `currency` and these rates. `coingecko_usd_cad` is CoinGecko's own, or `None`
    without coins.
    """
    kraken = market.pairs("kraken", moment)
    usd_cad = _of_pair(kraken["USDCAD"]).price
    usdt_cad = _of_pair(kraken["USDTCAD"]).price if "USDTCAD" in kraken else usd_cad
    in_cad = {"CAD": Decimal(1), "USD": usd_cad, "USDT": usdt_cad}
    stated = dict(_stated(market, moment))
    return {
        "now_ms": moment.now_ms,
        "usd_cad": usd_cad,
        "usdt_cad": usdt_cad,
        "coingecko_usd_cad": _by_coingecko(market, moment),
        "bank_of_canada": valet_rate(market, moment.now_ms),
        "er_api": er_api_rate(market, moment.now_ms),
        "markets": {
            source: {
                of.name: {
                    "symbol": asset.symbol,
                    "bid": said.bid,
                    "ask": said.ask,
                    "last": said.last,
                    "price": said.price,
                    "currency": of.quote,
                    "cad": said.price * in_cad[of.quote] * coins_per_unit(of, moment.now_ms),
                }
                for asset, of in markets_at(source)
                if (said := stated.get((source, of.name)))
            }
            for source in price_sources()
        },
    }


def _by_coingecko(market: Market, moment: Moment) -> Decimal | None:
    ratios = [RATE_DIGITS.divide(coin.cad, coin.usd) for coin in market.coingecko_coins(moment).values()]
    return median(ratios) if ratios else None


def _stated(market: Market, moment: Moment) -> Iterator[tuple[tuple[str, str], Stated]]:
    for row in market.binance_rows(moment):
        # A recording may hold rows without prices.
        bid, ask, last = (Decimal(row.get(name, 0)) for name in ("bidPrice", "askPrice", "lastPrice"))
        if bid:
            yield ("binance", str(row["symbol"])), Stated(bid, ask, last)
    for source, traits in TRAITS.items():
        for name, ticker in market.pairs(source, moment).items():
            if not traits.has_book:
                yield (source, name), Stated(ticker.last, ticker.last, ticker.last, book=False)
            elif ticker.online and ticker.bid:
                yield (source, name), _of_pair(ticker)
    for name, coin in market.coingecko_coins(moment).items():
        yield ("coingecko", name), Stated(coin.cad, coin.cad, coin.cad, book=False)


def _of_pair(ticker: PairTicker) -> Stated:
    return Stated(ticker.bid, ticker.ask, ticker.last)
