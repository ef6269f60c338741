"""The past of the simulated market joins its present, moves like a market, and is the same for the same seed."""

from decimal import Decimal
from itertools import pairwise

import pytest

from shared.model.assets import catalogue
from tests.clock import Clock
from tools.simulator.cross_markets import THIN, TRAITS
from tools.simulator.fair_prices import PAST_ENDS
from tools.simulator.listings import RENAMED, markets_at, reference, renamed_ms
from tools.simulator.market import DAY_MS, HOUR_MS, MINUTE_MS, Market, PastCandle
from tools.simulator.past_candles import since, until
from tools.simulator.past_path import UNIT, PastPath
from tools.simulator.random_walk import extremes, walk
from tools.simulator.simulated import SimulatedMarket

# Not at the beginning of any interval.
BEGAN_MS = Clock().ms + 10 * HOUR_MS + 23 * MINUTE_MS + 17_421
INTERVALS = (MINUTE_MS, HOUR_MS, DAY_MS)
# Liquid and not, of one currency and of three, thin, with a lag, with many coins per unit, and rates.
MARKETS = [
    ("binance", "BTCUSDT"),
    ("binance", "ZRXUSDT"),
    ("binance", "SKYUSDT"),
    ("kraken", "XBTCAD"),
    ("kraken", "XDGCAD"),
    ("kraken", "QCADUSD"),
    ("kraken", "USDCAD"),
    ("kraken", "USDTCAD"),
    ("coinbase", "BAL-USD"),
]
EACH = pytest.mark.parametrize(("source", "name"), MARKETS)


def began(seed: int = 3, step_seconds: str = "1", began_ms: int = BEGAN_MS) -> SimulatedMarket:
    market = SimulatedMarket(seed, Decimal(step_seconds))
    market.moment(began_ms)
    return market


def candles(
    market: Market, source: str, name: str, interval_ms: int, now_ms: int, newest: int = 200
) -> list[PastCandle]:
    history, moment = market.candle_history(source, name), market.moment(now_ms)
    assert history is not None
    return history.candles(interval_ms, history.opens(interval_ms, moment)[-newest:], moment)


def last_price(market: SimulatedMarket, source: str, name: str, at_ms: int) -> Decimal:
    """Return what the market's ticker said at a time."""
    moment = market.moment(at_ms)
    if source != "binance":
        return market.pairs(source, moment)[name].last
    return next(Decimal(row["lastPrice"]) for row in market.binance_rows(moment) if row["symbol"] == name)


@EACH
@pytest.mark.parametrize("interval_ms", INTERVALS)
def test_candles_are_contiguous_and_hold_their_prices(source: str, name: str, interval_ms: int) -> None:
    found = candles(began(), source, name, interval_ms, BEGAN_MS + 5 * HOUR_MS)
    for candle in found:
        opened, high, low, close = map(Decimal, (candle.open, candle.high, candle.low, candle.close))
        assert 0 < low <= min(opened, close) <= max(opened, close) <= high
        assert candle.volume > 0
        assert candle.trades > 0
    for before, after in pairwise(found):
        assert after.open_ms - before.open_ms == interval_ms
        assert after.open == before.close


@EACH
def test_the_present_continues_the_past(source: str, name: str) -> None:
    """Each close is what the ticker said at that time, before and after the market began."""
    market = began()
    now_ms = BEGAN_MS + 200 * MINUTE_MS + 5_000
    for interval_ms in (MINUTE_MS, HOUR_MS):
        found = candles(market, source, name, interval_ms, now_ms, 400 if interval_ms == MINUTE_MS else 4)
        for candle in found[:-1:41]:
            assert Decimal(candle.close) == last_price(market, source, name, candle.open_ms + interval_ms)
        assert Decimal(found[-1].close) == last_price(market, source, name, now_ms)
    joining = next(
        candle
        for candle in candles(market, source, name, MINUTE_MS, now_ms, 400)
        if candle.open_ms > BEGAN_MS - MINUTE_MS
    )
    thin = name in THIN.get(source, ())
    assert abs(Decimal(joining.close) / Decimal(joining.open) - 1) < (Decimal("0.2") if thin else Decimal("0.01"))


@EACH
def test_the_open_of_24_hours_ago_is_the_close_of_that_hour(source: str, name: str) -> None:
    market = began(began_ms=Clock().ms + 1_500)
    for hour in (1, 5, 30):
        now_ms = Clock().ms + hour * HOUR_MS
        moment = market.moment(now_ms)
        hours = candles(market, source, name, HOUR_MS, now_ms, 60)
        close = next(Decimal(candle.close) for candle in hours if candle.open_ms == now_ms - DAY_MS - HOUR_MS)
        if source == "binance":
            rows = {row["symbol"]: row for row in market.binance_rows(moment)}
            assert Decimal(rows[name]["openPrice"]) == close
        else:
            assert market.pairs(source, moment)[name].open_24h == close


@EACH
def test_days_hold_their_hours_and_hours_their_minutes(source: str, name: str) -> None:
    market = began()
    now_ms = BEGAN_MS + 3 * HOUR_MS
    for longer_ms, shorter_ms, count in ((DAY_MS, HOUR_MS, 24 * 20), (HOUR_MS, MINUTE_MS, 60 * 12)):
        longer = {candle.open_ms: candle for candle in candles(market, source, name, longer_ms, now_ms)}
        for part in candles(market, source, name, shorter_ms, now_ms, count):
            whole = longer[part.open_ms // longer_ms * longer_ms]
            assert Decimal(whole.low) <= Decimal(part.low)
            assert Decimal(part.high) <= Decimal(whole.high)


@EACH
def test_a_minute_holds_every_ticker_in_it(source: str, name: str) -> None:
    market = began()
    now_ms = BEGAN_MS + 20 * MINUTE_MS
    for candle in candles(market, source, name, MINUTE_MS, now_ms, 4)[:-1]:
        for second in range(0, 60, 6):
            price = last_price(market, source, name, candle.open_ms + second * 1_000)
            assert Decimal(candle.low) <= price <= Decimal(candle.high)


@pytest.mark.parametrize("step_seconds", ["0.5", "1", "7", "300"])
def test_any_length_of_a_time_step_has_a_past(step_seconds: str) -> None:
    market = began(step_seconds=step_seconds)
    for interval_ms in INTERVALS:
        found = candles(market, "kraken", "XBTCAD", interval_ms, BEGAN_MS + 2 * HOUR_MS, 300)
        assert all(after.open == before.close for before, after in pairwise(found))
        assert found[-1].open_ms == (BEGAN_MS + 2 * HOUR_MS) // interval_ms * interval_ms


def test_the_same_seed_and_beginning_give_the_same_past() -> None:
    now_ms = BEGAN_MS + HOUR_MS
    one, other, third = (candles(began(seed), "binance", "ETHUSDT", HOUR_MS, now_ms) for seed in (3, 3, 4))
    assert one == other
    assert one != third


def test_what_was_asked_before_does_not_matter() -> None:
    now_ms = BEGAN_MS + HOUR_MS
    market = began()
    candles(market, "binance", "ETHUSDT", MINUTE_MS, now_ms, 3_000)
    candles(market, "binance", "ETHUSDT", DAY_MS, now_ms, 1_000)
    assert (
        candles(market, "binance", "ETHUSDT", HOUR_MS, now_ms, 2_000)[:9]
        == (candles(began(), "binance", "ETHUSDT", HOUR_MS, now_ms, 2_000)[:9])
    )


def test_a_closed_candle_never_changes() -> None:
    market = began()
    first = candles(market, "kraken", "ETHCAD", MINUTE_MS, BEGAN_MS + 5 * MINUTE_MS, 30)[:-1]
    later = candles(market, "kraken", "ETHCAD", MINUTE_MS, BEGAN_MS + 9 * MINUTE_MS, 34)
    assert later[: len(first)] == first


@pytest.mark.parametrize("code", ["BTC", "ZRX"])
def test_two_years_look_like_a_market(code: str) -> None:
    """Its days move about as much as its volatility says, its hours a fifth of that, and it goes somewhere."""
    market = began()
    volatility = reference(code).volatility
    days = candles(market, "binance", f"{code}USDT", DAY_MS, BEGAN_MS, 800)
    assert len(days) == 800
    moves = [Decimal(day.close) / Decimal(day.open) - 1 for day in days]
    deviation = (sum((move * move for move in moves), Decimal(0)) / len(moves)).sqrt()
    assert Decimal("0.9") < deviation / volatility < Decimal("1.15")
    hours = candles(market, "binance", f"{code}USDT", HOUR_MS, BEGAN_MS, 2_000)
    moves = [Decimal(hour.close) / Decimal(hour.open) - 1 for hour in hours]
    deviation = (sum((move * move for move in moves), Decimal(0)) / len(moves)).sqrt()
    assert Decimal("0.9") < deviation / volatility * Decimal(24).sqrt() < Decimal("1.15")
    closes = [Decimal(day.close) for day in days]
    assert max(closes) / min(closes) > Decimal("1.3")
    # A day of a random walk is about twice as high as it moves.
    ranges = [Decimal(day.high) / Decimal(day.low) - 1 for day in days]
    assert Decimal("1.3") < sum(ranges, Decimal(0)) / len(ranges) / volatility < Decimal(2)


def test_sources_agree_about_the_past() -> None:
    market = began()
    usd_cad = candles(market, "kraken", "USDCAD", HOUR_MS, BEGAN_MS)
    for at, (cad, usd) in enumerate(
        zip(
            candles(market, "kraken", "XBTCAD", HOUR_MS, BEGAN_MS),
            candles(market, "coinbase", "BTC-USD", HOUR_MS, BEGAN_MS),
            strict=True,
        )
    ):
        rate = Decimal(usd_cad[at].close)
        assert abs(Decimal(cad.close) / (Decimal(usd.close) * rate) - 1) < Decimal("0.002")


@pytest.mark.parametrize("code", list(RENAMED))
def test_a_renamed_market_ends_where_the_new_one_begins(code: str) -> None:
    """Its prices go on, times the coins that one unit became."""
    market = began(began_ms=1_795_874_597_421)
    old = RENAMED[code][0]
    listed = next(listed for asset, listed in markets_at("binance") if asset.code == code)
    moment = market.moment(1_795_874_597_421)
    for interval_ms in INTERVALS:
        before, after = (market.candle_history("binance", name) for name in (old, listed.name))
        assert before is not None
        assert after is not None
        ended, begins = before.opens(interval_ms, moment), after.opens(interval_ms, moment)
        assert ended[-1] + interval_ms == begins[0]
        (last,), (first,) = (
            before.candles(interval_ms, ended[-1:], moment),
            after.candles(interval_ms, begins[:1], moment),
        )
        joined = Decimal(first.open) * listed.per_unit_at(begins[0])
        tick = reference(code).tick
        assert abs(joined - Decimal(last.close)) <= tick + Decimal(last.close) / 10_000
        assert len(ended) * interval_ms > 300 * DAY_MS


def test_the_catalogue_knows_the_same_renames() -> None:
    known = {
        (asset.code, market.name, market.until_ms)
        for asset in catalogue().values()
        for market in asset.past_markets
        if market.source == "binance"
    }
    assert known
    assert known <= {(code, old, renamed_ms(code)) for code, (old, _) in RENAMED.items()}


def test_the_past_reaches_back_800_days_and_more() -> None:
    market = began()
    moment = market.moment(BEGAN_MS)
    for source, name in MARKETS:
        history = market.candle_history(source, name)
        assert history is not None
        if name != "SKYUSDT":
            assert len(history.opens(DAY_MS, moment)) > 800


def test_unknown_markets_have_no_past() -> None:
    market = began()
    for source, name in (("binance", "NOSUCH"), ("kraken", "NOSUCH"), ("coinbase", "DAI-USD"), ("er_api", "CAD")):
        assert market.candle_history(source, name) is None
    for source, name in (("binance", "DAIUSDT"), ("binance", "OMGUSDT"), ("kraken", "ETHWUSD")):
        history = market.candle_history(source, name)
        assert history is not None
        assert len(history.opens(HOUR_MS, market.moment(BEGAN_MS))) == 0
    assert market.coin_history("nosuch") is None


def test_every_listed_market_has_a_history() -> None:
    market = began()
    moment = market.moment(BEGAN_MS)
    for source in TRAITS:
        assert set(market.pairs(source, moment)) == set(market.pair_names(source)) != set()
    for row in market.binance_rows(moment):
        assert market.candle_history("binance", str(row["symbol"])) is not None
    for source in ("kraken", "coinbase"):
        assert all(market.candle_history(source, name) for name in market.pair_names(source))
    assert all(market.coin_history(coin) for coin in market.coingecko_coins(moment))


# The paths and the walk


def test_a_path_ends_at_zero_and_its_parts_fit() -> None:
    path = PastPath("seed", BEGAN_MS)
    newest = path.stretch(BEGAN_MS - 1, MINUTE_MS)
    assert (newest.last, newest.ends_ms) == (0, BEGAN_MS)
    assert abs(path.at(BEGAN_MS - 1)) < UNIT // 100
    for at_ms in range(BEGAN_MS - 3 * DAY_MS, BEGAN_MS, 7 * MINUTE_MS + 1_234):
        day, hour, minute = (path.stretch(at_ms, interval_ms) for interval_ms in (DAY_MS, HOUR_MS, MINUTE_MS))
        assert day.low <= hour.low <= minute.low <= path.at(at_ms) <= minute.high <= hour.high <= day.high
        assert minute.begins_ms <= at_ms < minute.ends_ms
        assert path.at(minute.begins_ms) == minute.first


def test_the_hours_of_a_day_reach_its_extremes() -> None:
    path = PastPath("seed", BEGAN_MS)
    day = path.stretch(BEGAN_MS - 5 * DAY_MS, DAY_MS)
    hours = [path.stretch(day.begins_ms + hour * HOUR_MS, HOUR_MS) for hour in range(24)]
    assert min(hour.low for hour in hours) == day.low
    assert max(hour.high for hour in hours) == day.high


@pytest.mark.parametrize(("first", "last"), [(PAST_ENDS, 3_000), (1_234, 1_234), (262_100, 262_300)])
def test_the_extremes_of_the_walk_are_those_of_its_steps(first: int, last: int) -> None:
    steps = [walk("seed", step) for step in range(first, last + 1)]
    low, high = extremes("seed", first, last)
    assert abs(low - min(steps)) < Decimal("0.0001")
    assert abs(high - max(steps)) < Decimal("0.0001")


def test_times_are_cut_at_either_end() -> None:
    opens = range(100, 200, 10)
    assert since(opens, 0) == until(opens, 999) == opens
    assert since(opens, 101) == range(110, 200, 10)
    assert since(opens, 110)[0] == until(opens, 119)[-1] == 110
    assert len(since(opens, 191)) == len(until(opens, 99)) == 0
