"""Dead markets: the simulated sources list them, but nobody can trade there, so they have no price."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal

from tools.simulator.cross_markets import places
from tools.simulator.listings import NEVER_TRADED_AT_BINANCE, Listing, coins_per_unit, reference
from tools.simulator.market import DAY_MS, BinanceRow, DayOfTrading, PairTicker, binance_row, never_traded

# Kraken still lists these as cancel_only: assets with a dead market there.
AT_KRAKEN = {"ETHWUSD": "ETHW", "USTUSD": "UST"}
# Frozen since the asset was renamed, and without orders.
NDAX_FROZEN = {"MATIC_CAD": "MATIC"}
NDAX_EMPTY = {"BAL_CAD": "BAL"}
# Coins that CoinGecko knows without a price: it answers `{}` for them.
COINGECKO_UNPRICED = ("qcad", "terra-classic")


def at_binance(delisted: list[Listing], now_ms: int) -> list[BinanceRow]:
    """Return both kinds of dead pairs: without any trade, or delisted with an old last price and no book."""
    long_ago_ms = now_ms - 30 * DAY_MS
    return [
        never_traded(NEVER_TRADED_AT_BINANCE, long_ago_ms),
        *(binance_row(_delisted(listing, long_ago_ms)) for listing in delisted),
    ]


def at_kraken(now_ms: int) -> Mapping[str, PairTicker]:
    """Return a pair without a trade in 24 h.

    Its last price is three times the reference, its bid a hundredth of that price, its ask ten times.
    """
    return {name: _abandoned(code, now_ms, bid=Decimal("0.01"), ask=Decimal(10)) for name, code in AT_KRAKEN.items()}


def at_ndax(now_ms: int) -> Mapping[str, PairTicker]:
    """Return a frozen market with three times the price, and one without orders that has only a last price."""
    frozen = {
        name: _abandoned(code, now_ms, bid=Decimal("0.999"), ask=Decimal("1.001")) for name, code in NDAX_FROZEN.items()
    }
    empty = {
        name: replace(_abandoned(code, now_ms, bid=Decimal(0), ask=Decimal(0)), online=True)
        for name, code in NDAX_EMPTY.items()
    }
    return {**frozen, **empty}


# By source: its dead markets at a time.
AT: Mapping[str, Callable[[int], Mapping[str, PairTicker]]] = {"kraken": at_kraken, "ndax": at_ndax}


def _abandoned(code: str, now_ms: int, *, bid: Decimal, ask: Decimal) -> PairTicker:
    """Return a dead pair; `bid` and `ask` are multiples of its last price."""
    zero, last = Decimal(0), reference(code).price * 3
    tick = Decimal(1).scaleb(-places(last))
    return PairTicker(
        bid=(last * bid).quantize(tick),
        ask=(last * ask).quantize(tick),
        last=last,
        low=zero,
        high=zero,
        open_24h=last,
        open_today=last,
        volume=zero,
        trades=0,
        trade_id=1_000,
        traded_ms=now_ms - 30 * DAY_MS,
        price_places=places(last),
        online=False,
    )


def _delisted(listing: Listing, close_ms: int) -> DayOfTrading:
    zero = Decimal(0)
    price = listing.price / coins_per_unit(listing.market, close_ms)
    volume = (listing.turnover / price).quantize(Decimal("0.01"))
    return DayOfTrading(
        symbol=listing.name,
        last=price,
        open=price,
        high=price,
        low=price,
        bid=zero,
        ask=zero,
        quantity=zero,
        volume=volume,
        turnover=volume * price,
        close_ms=close_ms,
        first_id=1,
        last_id=1_000,
        count=1_000,
    )
