"""Why prices are held, for the log."""

from dataclasses import replace
from decimal import Decimal

from functions.ingest.held import newly_held
from shared.model.explanation import Candidate, Explanation
from shared.model.values import Snapshot

CANDIDATE = Candidate(
    "binance", "BTCUSDT", "USDT", Decimal(9), Decimal(2), "kraken:USDTCAD", Decimal(18), 5, True, "held", "jump"
)
HELD = Snapshot(
    held=("BTC_CAD", "ETH_CAD"), explained={"BTC_CAD": Explanation("BTC_CAD", Decimal(18), None, 1, (CANDIDATE,))}
)


def test_a_held_price_is_told_with_what_its_markets_state() -> None:
    assert newly_held(HELD, ()) == {"BTC_CAD": ["binance:BTCUSDT 18 held jump"], "ETH_CAD": []}


def test_a_price_that_stays_held_is_told_once() -> None:
    assert newly_held(HELD, ("BTC_CAD",)) == {"ETH_CAD": []}
    assert newly_held(replace(HELD, held=()), ("BTC_CAD",)) == {}
