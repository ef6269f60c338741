"""From one snapshot to the next: which quotes keep their `seq`, turn stale or become unavailable."""

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.delta import Delta, view_seq
from shared.model.values import Snapshot
from shared.pricing.advance import advance, news_fields
from shared.pricing.fx import DAY_MS
from tests.samples import NOW_MS, STALE_AFTER_MS, SYMBOLS, USD_CAD, after, quote, quotes

FIRST = after(Snapshot(), quotes())


def test_every_snapshot_follows_by_one() -> None:
    assert FIRST.seq == 1
    assert after(FIRST, quotes(), NOW_MS + 1000).seq == 2


def test_a_new_time_or_number_of_sources_is_not_news() -> None:
    prices = {"bid", "ask", "spot", "change", "change_pct"}
    assert set(news_fields()) == {"symbol", "source", "stale", "simulated"} | prices


def test_an_unchanged_quote_keeps_its_seq_when_its_times_move() -> None:
    later = after(FIRST, quotes(ts_ms=NOW_MS + 900), NOW_MS + 1000)
    assert {quote.seq for quote in later.quotes.values()} == {1}
    assert {(quote.ts_ms, quote.seen_ms) for quote in later.quotes.values()} == {(NOW_MS + 900, NOW_MS + 1000)}
    assert not Delta(FIRST, later)


@pytest.mark.parametrize(
    "change",
    [
        {"bid": Decimal(1)}, {"ask": Decimal(99999)}, {"spot": Decimal(2)}, {"change": Decimal("0.1")},
        {"change_pct": Decimal("0.1")}, {"source": "binance:BTCUSDT x parity:USDTUSD x er_api:USDCAD"},
        {"simulated": True},
    ],
)  # fmt: skip
def test_a_quote_that_says_anything_else_has_the_seq_of_its_tick(change: dict[str, Any]) -> None:
    fresh = quotes() | {"BTC_CAD": quote(**change)}
    later = after(FIRST, fresh, NOW_MS + 1000)
    assert {symbol: quote.seq for symbol, quote in later.quotes.items() if quote.seq != 1} == {"BTC_CAD": 2}
    assert list(Delta(FIRST, later).quotes) == ["BTC_CAD"]


def test_a_price_that_ends_in_another_zero_is_not_a_change() -> None:
    later = after(FIRST, quotes("86762.6500"), NOW_MS + 1000)
    assert later.quotes["BTC_CAD"].seq == 1


def test_an_unconfirmed_quote_turns_stale_then_unavailable() -> None:
    kept = after(FIRST, {}, NOW_MS + STALE_AFTER_MS)
    assert kept.quotes == FIRST.quotes
    stale = after(kept, {}, NOW_MS + STALE_AFTER_MS + 1)
    btc = stale.quotes["BTC_CAD"]
    assert btc == replace(FIRST.quotes["BTC_CAD"], stale=True, seq=3)
    still = after(stale, {}, NOW_MS + DAY_MS)
    assert still.quotes["BTC_CAD"] == btc
    gone = after(still, {}, NOW_MS + DAY_MS + 1)
    assert gone.quotes == {}
    assert gone.unavailable == dict.fromkeys(SYMBOLS, 5)
    assert Delta(still, gone).unavailable == SYMBOLS


def test_a_confirmed_stale_quote_is_fresh_and_has_changed() -> None:
    stale = after(FIRST, {}, NOW_MS + STALE_AFTER_MS + 1)
    back = after(stale, quotes(), NOW_MS + STALE_AFTER_MS + 2)
    assert back.quotes["BTC_CAD"] == replace(FIRST.quotes["BTC_CAD"], seq=3, seen_ms=NOW_MS + STALE_AFTER_MS + 2)


def test_a_symbol_without_any_price_is_unavailable_at_once() -> None:
    first = after(Snapshot(), {"BTC_CAD": quote()})
    assert set(first.unavailable) == set(SYMBOLS) - {"BTC_CAD"}
    second = after(first, {"BTC_CAD": quote(spot="1")}, NOW_MS + 1000)
    assert set(second.unavailable.values()) == {1}
    assert Delta(first, second).unavailable == []


def test_a_symbol_is_either_quoted_or_unavailable() -> None:
    """Its return is a change."""
    without = after(Snapshot(), {})
    back = after(without, {"BTC_CAD": quote()}, NOW_MS + 1000)
    assert "BTC_CAD" not in back.unavailable
    assert list(Delta(without, back).quotes) == ["BTC_CAD"]


def test_quotes_stand_in_the_order_of_the_catalogue() -> None:
    assert list(after(Snapshot(), dict(reversed(quotes().items()))).quotes) == SYMBOLS


def test_a_quote_of_a_symbol_that_the_catalogue_lost_is_dropped() -> None:
    old = replace(FIRST, quotes={**FIRST.quotes, "OLD_CAD": quote("OLD_CAD")})
    assert "OLD_CAD" not in after(old, {}, NOW_MS + 1000).quotes


def test_the_snapshot_before_is_not_changed() -> None:
    quotes_before, unavailable_before = dict(FIRST.quotes), dict(FIRST.unavailable)
    after(FIRST, quotes("1", SYMBOLS[:3]), NOW_MS + DAY_MS * 2)
    assert (FIRST.quotes, FIRST.unavailable) == (quotes_before, unavailable_before)


# The seq of a view


@given(ticks=st.lists(st.dictionaries(st.sampled_from(SYMBOLS[:4]), st.integers(1, 3)), min_size=2, max_size=8))
def test_a_views_seq_rises_exactly_when_the_view_changes(
    ticks: list[dict[str, int]],
) -> None:
    snapshots = [Snapshot()]
    for number, prices in enumerate(ticks):
        fresh = {symbol: quote(symbol, str(price)) for symbol, price in prices.items()}
        snapshots.append(after(snapshots[-1], fresh, NOW_MS + number * DAY_MS // 2))
    for view in (SYMBOLS[:1], SYMBOLS[1:3], SYMBOLS):
        for old, new in pairwise(snapshots):
            delta = Delta(old, new)
            changed = any(symbol in delta.quotes or symbol in delta.unavailable for symbol in view)
            assert view_seq(old, view) <= view_seq(new, view) <= new.seq
            assert (view_seq(new, view) == new.seq) is changed
            assert (view_seq(new, view) > view_seq(old, view)) is changed


def test_the_seq_of_a_view_of_nothing_known_is_zero() -> None:
    assert view_seq(Snapshot(), SYMBOLS) == 0
    assert view_seq(FIRST, []) == view_seq(FIRST, ["XYZ_CAD"]) == 0


def test_rates_and_states_of_sources_are_those_given() -> None:
    snapshot = advance(Snapshot(), {}, {USD_CAD.source: USD_CAD}, {}, now_ms=NOW_MS, stale_after_ms=1)
    assert (snapshot.stated_fx_rates, snapshot.sources, snapshot.ts_ms) == ({USD_CAD.source: USD_CAD}, {}, NOW_MS)
