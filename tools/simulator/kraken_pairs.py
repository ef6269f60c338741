"""How Kraken names its pairs and describes them in `AssetPairs`.

https://docs.kraken.com/api/docs/rest-api/get-tradable-asset-pairs
"""

from dataclasses import dataclass
from decimal import Decimal

from tools.simulator.market import PairTicker

# Codes listed before Kraken dropped its prefixes: X for a coin, Z for a currency.
PREFIXED = {"XBT", "ETH", "XRP", "LTC", "XMR", "XLM", "ETC", "ZEC", "XDG"}
CURRENCIES = {"USD", "CAD"}
# Keys that follow neither rule: DOGE never had a long one, USDT and the dollar have one in some pairs.
KEYS = {"XDGUSD": "XDGUSD", "XDGCAD": "XDGCAD", "USDTUSD": "USDTZUSD"}
FEES = [[0, 0.4], [10_000, 0.35], [50_000, 0.24], [100_000, 0.22], [250_000, 0.2]]
FEES_MAKER = [[0, 0.25], [10_000, 0.2], [50_000, 0.14], [100_000, 0.12], [250_000, 0.1]]


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair's names: `altname` is the plain one, e.g. `XBTCAD`; `key` is the one in answers, e.g. `XXBTZCAD`."""

    altname: str
    key: str
    wsname: str
    base: str
    quote: str

    @property
    def names(self) -> tuple[str, str, str]:
        """The names that a request may use."""
        return self.altname, self.key, self.wsname


def pair(altname: str) -> Pair:
    """Return the pair of that altname, which ends with the three letters of its quote currency."""
    base, quote = altname[:-3], altname[-3:]
    long_base = f"X{base}" if base in PREFIXED else f"Z{base}" if base in CURRENCIES else base
    long_quote = f"Z{quote}"
    key = KEYS.get(altname) or (altname if long_base == base else long_base + long_quote)
    return Pair(altname, key, f"{base}/{quote}", long_base, long_quote)


def asset_pair(of: Pair, ticker: PairTicker) -> dict[str, object]:
    """Return a row of `AssetPairs`. `ordermin` is worth 5 to 50 in the quote currency."""
    # A tick gives prices six significant digits, so it shows the price's magnitude.
    smallest_order = Decimal(5).scaleb(ticker.price_places - 5)
    return {
        "altname": of.altname,
        "wsname": of.wsname,
        "aclass_base": "currency",
        "base": of.base,
        "aclass_quote": "currency",
        "quote": of.quote,
        "lot": "unit",
        "cost_decimals": 5,
        "pair_decimals": ticker.price_places,
        "lot_decimals": 8,
        "lot_multiplier": 1,
        "leverage_buy": [],
        "leverage_sell": [],
        "fees": FEES,
        "fees_maker": FEES_MAKER,
        "fee_volume_currency": "ZUSD",
        "margin_call": 80,
        "margin_stop": 40,
        "ordermin": f"{smallest_order:f}",
        "costmin": "1" if of.quote == "ZCAD" else "0.5",
        "tick_size": f"{Decimal(1).scaleb(-ticker.price_places):f}",
        "status": "online" if ticker.online else "cancel_only",
    }
