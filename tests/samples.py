"""Sample tickers, quotes and snapshots, and hypothesis strategies for prices and JSON."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from shared.model.assets import catalogue
from shared.model.explanation import Candidate, Explanation, Explanations
from shared.model.staleness import Ages, ages
from shared.model.values import Quote, Rate, Snapshot, SourceState, Ticker
from shared.pricing.advance import advance

NOW_MS = 1_718_707_723_456
USD_CAD = Rate("kraken:USDCAD", Decimal("1.3346"), Decimal("1.3348"), NOW_MS)
STALE_AFTER_MS = 30_000
LIMITS = ages(5, 30)
# For tests with old snapshots that do not test age.
AGELESS = Ages(*[10**15] * 5)
SYMBOLS = list(catalogue())

# The positive numbers that `decimal_of` accepts: about 40 characters, from 1e-30 to just below 1e31.
prices = st.builds(
    lambda digits, magnitude: Decimal(f"{digits}e{magnitude - len(str(digits)) + 1}"),
    st.integers(1, 10**35),
    st.integers(-30, 30),
)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def ticker(market: str = "BTCUSDT", last: str | Decimal = "65000.00", **changes: Any) -> Ticker:
    """Return a Binance ticker with bid and ask 0.01 % around the last price by default."""
    price = Decimal(last)
    made = Ticker("binance", market, price * Decimal("0.9999"), price * Decimal("1.0001"), price, price, NOW_MS, NOW_MS)
    return replace(made, **changes)


def rate(
    name: str = "kraken:USDCAD", bid: str | Decimal = "1.3347", ask: str | Decimal | None = None, **changes: Any
) -> Rate:
    """Return a currency rate, by default without a spread."""
    return replace(Rate(name, Decimal(bid), Decimal(bid if ask is None else ask), NOW_MS), **changes)


def rate_ticker(name: str, last: str | Decimal, **changes: Any) -> Ticker:
    """Return the ticker of a currency market, e.g. of `kraken:USDCAD`."""
    source, _, market = name.partition(":")
    return ticker(market, last, source=source, **changes)


def quote(symbol: str = "BTC_CAD", spot: str = "86762.65", **changes: Any) -> Quote:
    price = Decimal(spot)
    made = Quote(
        symbol=symbol,
        bid=price - Decimal("0.01") * price,
        ask=price + Decimal("0.01") * price,
        spot=price,
        change=Decimal("-1.5"),
        change_pct=Decimal("-0.001729"),
        source="binance:BTCUSDT x parity:USDTUSD x kraken:USDCAD",
        ts_ms=NOW_MS,
        seen_ms=NOW_MS,
    )
    return replace(made, **changes)


def quotes(spot: str = "86762.65", symbols: list[str] | None = None, **changes: Any) -> dict[str, Quote]:
    """Return the same quote for each symbol."""
    return {symbol: quote(symbol, spot, **changes) for symbol in (SYMBOLS if symbols is None else symbols)}


def after(
    old: Snapshot,
    fresh: Mapping[str, Quote],
    now_ms: int = NOW_MS,
    rates: Mapping[str, Rate] | None = None,
    sources: Mapping[str, SourceState] | None = None,
) -> Snapshot:
    """Return the next snapshot, with the limits that the tests share."""
    return advance(
        old,
        {symbol: replace(q, seen_ms=now_ms) for symbol, q in fresh.items()},
        {USD_CAD.source: USD_CAD} if rates is None else rates,
        {"binance": SourceState(ok_ms=now_ms)} if sources is None else sources,
        now_ms=now_ms,
        stale_after_ms=STALE_AFTER_MS,
    )


def explanation(symbol: str = "BTC_CAD") -> Explanation:
    """Return an explanation with a candidate of each verdict."""
    common: dict[str, Any] = {
        "source": "kraken",
        "currency": "USD",
        "rate": Decimal("1.37"),
        "rate_source": "kraken:USDCAD",
    }
    priced: dict[str, Any] = {"price": Decimal("63330.4"), "price_cad": Decimal("86762.648"), "age_ms": 120}
    without: dict[str, Any] = {"price": None, "rate": None, "rate_source": "", "price_cad": None, "age_ms": None}
    return Explanation(
        symbol,
        reference=Decimal("86762.648"),
        dispersion=Decimal("0.000012"),
        sources=2,
        candidates=(
            Candidate(**common, **priced, market="XBTUSD", vote=True, verdict="taken", reason="first_in_band"),
            Candidate(
                **(common | {"source": "ndax", "currency": "CAD", "rate": Decimal(1), "rate_source": ""}),
                **(priced | {"price": Decimal("86762.648")}),
                market="BTC_CAD",
                vote=True,
                verdict="passed_over",
                reason="behind",
                old_last=True,
            ),
            Candidate(**common, **priced, market="XBTCAD", vote=True, verdict="held", reason="jump"),
            Candidate(**(common | without), market="XBTEUR", vote=False, verdict="unusable", reason="no_answer"),
        ),
        change_at_current_rate=True,
    )


def explanations(seq: int = 42, symbols: list[str] | None = None) -> Explanations:
    """Return the same explanation for each symbol."""
    made = {symbol: explanation(symbol) for symbol in (SYMBOLS if symbols is None else symbols)}
    return Explanations(seq, NOW_MS, made)
