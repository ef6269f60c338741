"""Binance's klines become candles.

The rows have the shape of the example at
https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints#klinecandlestick-data
"""

from decimal import Decimal
from typing import Any

import pytest

from shared.model.candles import Candle
from shared.sources.binance_history import history
from shared.sources.history import Wanted
from shared.sources.upstream import Answer, SourceUnavailable

HOUR_MS = 3_600_000
FROM_MS = 1_499_040_000_000
WANTED = Wanted("BNBUSDT", "1h", FROM_MS, FROM_MS + 3 * HOUR_MS)


def row(open_ms: int, *prices: str) -> list[Any]:
    """Return a kline with these prices: open, high, low, close."""
    rest = ["148976.11427815", open_ms + HOUR_MS - 1, "2434.19055334", 308, "1756.87402397", "28.46694368", "0"]
    return [open_ms, *prices, *rest]


BINANCE = [
    row(FROM_MS, "0.01634790", "0.80000000", "0.01575800", "0.01577100"),
    row(FROM_MS + HOUR_MS, "0.01577100", "0.01577100", "0.01577100", "0.01577100"),
]


def parse(payload: object, wanted: Wanted = WANTED) -> list[Candle]:
    return history().parse(Answer(payload, wanted.until_ms, simulated=False), wanted)


def test_a_kline_is_a_candle_without_own_ticks() -> None:
    first, flat = parse(BINANCE)
    assert first == Candle(
        FROM_MS, Decimal("0.01634790"), Decimal("0.80000000"), Decimal("0.01575800"), Decimal("0.01577100"), ticks=0
    )
    assert [str(price) for price in (first.open, first.high, first.low, first.close)] == BINANCE[0][1:5]
    assert flat.high == flat.low, "an hour without a trade"


def test_a_request_names_the_market_and_the_time_range() -> None:
    assert history().path(WANTED) == "/api/v3/klines"
    assert history().params(WANTED) == {
        "symbol": "BNBUSDT",
        "interval": "1h",
        "startTime": "1499040000000",
        "endTime": "1499050799999",
        "limit": "1000",
    }


def test_one_request_gets_1000_candles_however_old() -> None:
    assert history().most == {"1m": 1000, "1h": 1000, "1d": 1000}
    assert history().reach == {}


def test_its_pace_stays_within_the_weight_of_a_minute() -> None:
    """A kline request has weight 2, and the ticker takes 80 every five seconds at most."""
    assert 2 * 60_000 / history().every_ms + 80 * 12 < 6_000


@pytest.mark.parametrize("payload", [{}, None, "x", {"code": 0, "msg": "x"}, 5])
def test_an_answer_without_rows_is_not_an_answer(payload: object) -> None:
    with pytest.raises(SourceUnavailable):
        parse(payload)


def test_an_empty_list_means_no_candles() -> None:
    assert parse([]) == []


def test_only_an_invalid_symbol_means_an_unknown_market() -> None:
    body = {"code": -1121, "msg": "Invalid symbol."}
    assert history().is_unknown(400, body)
    assert not history().is_unknown(400, {"code": -1100, "msg": "Illegal characters found in a parameter."})
    assert not history().is_unknown(418, body)
    assert not history().is_unknown(400, None)
