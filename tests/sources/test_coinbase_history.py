"""Coinbase's candles become candles, oldest first.

The rows have the shape of the example at
https://docs.cdp.coinbase.com/api-reference/exchange-api/rest-api/products/get-product-candles
"""

from typing import Any

import pytest

from shared.model.candles import Candle
from shared.model.wire import loads, number_text
from shared.sources.coinbase_history import history
from shared.sources.history import Wanted
from shared.sources.upstream import Answer, SourceUnavailable

MINUTE_MS = 60_000
FROM_MS = 1_704_412_800_000  # 2024-01-05
WANTED = Wanted("BTC-USD", "1m", FROM_MS, FROM_MS + 300 * MINUTE_MS)
COINBASE: Any = loads(
    """[
        [1704412920, 0.32, 4.2, 0.35, 4.2, 12.3],
        [1704412860, 44161.01, 44190, 44161.5, 44189.123456789012345678, 1.25]
    ]"""
)


def parse(payload: object, wanted: Wanted = WANTED) -> list[Candle]:
    return history().parse(Answer(payload, wanted.until_ms, simulated=False), wanted)


def test_low_and_high_come_first_and_every_digit_is_kept() -> None:
    first, second = parse(COINBASE)
    assert (first.open_ms, second.open_ms) == (FROM_MS + MINUTE_MS, FROM_MS + 2 * MINUTE_MS)
    assert [number_text(price) for price in (first.open, first.high, first.low, first.close)] == [
        "44161.5", "44190.0", "44161.01", "44189.123456789012345678"
    ]  # fmt: skip
    assert [str(price) for price in (second.open, second.high, second.low, second.close)] == [
        "0.35", "4.2", "0.32", "4.2"
    ]  # fmt: skip
    assert (first.ticks, second.ticks) == (0, 0)


def test_a_request_names_the_product_seconds_and_time_range() -> None:
    assert history().path(WANTED) == "/products/BTC-USD/candles"
    assert history().params(WANTED) == {
        "granularity": "60",
        "start": "2024-01-05T00:00:00Z",
        "end": "2024-01-05T04:59:59Z",
    }
    seconds = {name: history().params(Wanted("BTC-USD", name, 0, 86_400_000))["granularity"] for name in ("1h", "1d")}
    assert seconds == {"1h": "3600", "1d": "86400"}


def test_candles_from_before_the_start_are_left_out() -> None:
    """An answer may have them."""
    wanted = Wanted("BTC-USD", "1m", FROM_MS + 2 * MINUTE_MS, WANTED.until_ms)
    assert [candle.open_ms for candle in parse(COINBASE, wanted)] == [FROM_MS + 2 * MINUTE_MS]


def test_one_request_gets_300_candles_at_less_than_ten_a_second() -> None:
    assert history().most == {"1m": 300, "1h": 300, "1d": 300}
    assert history().reach == {}
    assert history().every_ms > 100


@pytest.mark.parametrize("payload", [{}, None, "x", {"message": "NotFound"}, 5])
def test_an_answer_without_rows_is_not_an_answer(payload: object) -> None:
    with pytest.raises(SourceUnavailable):
        parse(payload)


def test_only_not_found_means_an_unknown_market() -> None:
    assert history().is_unknown(404, {"message": "NotFound"})
    assert not history().is_unknown(400, {"message": "granularity too small for the requested time range"})
    assert not history().is_unknown(429, None)
