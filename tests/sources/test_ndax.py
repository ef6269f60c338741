"""NDAX's markets become tickers in CAD, except frozen, empty and odd ones."""

from decimal import Decimal
from typing import Any

import pytest

from shared.sources import ndax
from shared.sources.upstream import Answer, SourceUnavailable
from tests.recordings import recorded_json
from tests.sources.reading import read, refusals

RECEIVED_MS = 1_704_489_129_000

# Written after the recorded fields; the figures are invented.
BTC: dict[str, Any] = {
    "id": 1, "last": Decimal("106298.6"), "lowestAsk": Decimal("106743.95"), "highestBid": Decimal("106296.78"),
    "percentChange": Decimal("-1.2"), "baseVolume": Decimal("12.5"), "quoteVolume": Decimal("1328732.5"),
    "isFrozen": 0, "high24hr": Decimal(108000), "low24hr": Decimal(105000),
}  # fmt: skip
NDAX = {"BTC_CAD": BTC, "ETH_CAD": BTC | {"id": 2}}


def answer(payload: object) -> Answer:
    return Answer(payload, RECEIVED_MS, simulated=False)


def markets(**changes: object) -> list[str]:
    """Return the priced markets beside one that always is."""
    return [t.market for t in read(ndax, answer(NDAX | {"BTC_CAD": BTC | changes})) if t.market != "ETH_CAD"]


def test_the_fields_are_those_on_record() -> None:
    assert list(recorded_json("canada/ndax_facts.json")["v1_ticker"]["row_fields"]) == sorted(
        BTC, key=recorded_json("canada/ndax_facts.json")["v1_ticker"]["row_fields"].index
    )


def test_a_ticker_says_what_its_row_says() -> None:
    ticker, _ = read(ndax, answer(NDAX))
    assert (ticker.source, ticker.market, ticker.has_book) == ("ndax", "BTC_CAD", True)
    assert (ticker.bid, ticker.ask, ticker.last) == (BTC["highestBid"], BTC["lowestAsk"], BTC["last"])
    assert (ticker.open_24h, ticker.ts_ms, ticker.answered_ms) == (None, RECEIVED_MS, RECEIVED_MS)


@pytest.mark.parametrize("frozen", [1, "1", True, None, "no", 2])
def test_a_frozen_market_or_one_of_unknown_state_is_not_a_price(frozen: object) -> None:
    assert markets(isFrozen=frozen) == []


@pytest.mark.parametrize("moving", [0, "0", False])
def test_a_market_that_is_not_frozen_is_a_price(moving: object) -> None:
    assert markets(isFrozen=moving) == ["BTC_CAD"]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"highestBid": 0}, "not_positive"),
        ({"baseVolume": 0}, "no_trades"),
        ({"highestBid": Decimal(106744)}, "crossed"),
        ({"highestBid": Decimal(80000)}, "wide"),
    ],
)
def test_a_book_that_no_market_has_is_not_a_price(changes: dict[str, Any], rule: str) -> None:
    assert refusals(ndax, answer(NDAX | {"BTC_CAD": BTC | changes})) == {"BTC_CAD": rule}


@pytest.mark.parametrize("field", ["highestBid", "lowestAsk", "last", "baseVolume", "isFrozen"])
def test_a_row_without_a_field_is_left_out(field: str) -> None:
    rows = NDAX | {"BTC_CAD": {name: value for name, value in BTC.items() if name != field}}
    assert [ticker.market for ticker in read(ndax, answer(rows))] == ["ETH_CAD"]


@pytest.mark.parametrize("payload", [None, [], {}, "BTC_CAD", {"BTC_CAD": None}, {"result": False, "errorcode": 100}])
def test_an_answer_without_a_live_market_is_not_an_answer(payload: object) -> None:
    with pytest.raises(SourceUnavailable):
        read(ndax, answer(payload))
