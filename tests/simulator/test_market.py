"""The exchange's markets: an exact recording, a replay of candles, and a repeatable simulation."""

import csv
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import requests

from shared.model.assets import catalogue, market_names
from tests.clock import Clock
from tests.recordings import recording
from tools.simulator.candles import CandleReplay, Candles, read_candles
from tools.simulator.cross_markets import THIN, TRAITS, cross_markets
from tools.simulator.dead_markets import NDAX_EMPTY
from tools.simulator.fair_prices import FairPrices
from tools.simulator.listings import DEAD, markets_at, reference
from tools.simulator.market import BinanceRow, CannotStep, Market, Moment, PairTicker
from tools.simulator.random_walk import PERIOD, walk
from tools.simulator.recorded import RecordedTickers
from tools.simulator.server import exchange_in_thread
from tools.simulator.simulated import SimulatedMarket
from tools.simulator.time_steps import TimeSteps

NOW_MS = 1_767_225_600_000
DAY = 1_440


def get(url: str) -> Any:
    return requests.get(url, timeout=5).json()


def rows_at(market: Market, step: int) -> dict[str, BinanceRow]:
    return {str(row["symbol"]): row for row in market.binance_rows(Moment(NOW_MS, step))}


# A recording


def test_a_recording_is_served_unchanged_except_for_its_times() -> None:
    path = recording("binance/ticker_24hr_all_2024-01-05T211209Z.json")
    text = path.read_text(encoding="utf-8")
    with exchange_in_thread(RecordedTickers.load(path, Decimal("1.3347")), clock_ms=Clock()) as exchange:
        response = requests.get(f"{exchange.url}/api/v3/ticker/24hr", timeout=5)
        assert response.headers["X-Cadfeed-Market"] == "recorded"
        newest_ms = max(row["closeTime"] for row in json.loads(text))
        # Times moved back by the same constant give the file again, byte for byte.
        served = response.json()
        assert max(row["closeTime"] for row in served) == NOW_MS
        for row in served:
            row["openTime"] -= NOW_MS - newest_ms
            row["closeTime"] -= NOW_MS - newest_ms
        assert json.dumps(served, separators=(",", ":"), ensure_ascii=False) == text.strip()
        # No status is known, so dead pairs are not dropped.
        trading = get(f"{exchange.url}/api/v3/ticker/24hr?symbolStatus=TRADING")
        assert len(trading) == len(served) == 2_429
        ticker = get(f"{exchange.url}/0/public/Ticker?pair=USDCAD")["result"]["ZUSDZCAD"]
        assert ticker["a"][0] == ticker["b"][0] == ticker["c"][0] == "1.33470"


def test_nothing_is_served_that_was_not_recorded() -> None:
    rows: list[BinanceRow] = [{"symbol": "BTCUSDT", "openTime": 0, "closeTime": 1}]
    with exchange_in_thread(RecordedTickers(rows, Decimal(1), Decimal(0), "rows"), clock_ms=Clock()) as exchange:
        assert list(get(f"{exchange.url}/0/public/Ticker")["result"]) == ["ZUSDZCAD"]
        assert get(f"{exchange.url}/0/public/Ticker?pair=XBTUSD") == {"error": ["EQuery:Unknown asset pair"]}
        assert get(f"{exchange.url}/products/stats") == {}
        assert get(f"{exchange.url}/v1/ticker") == {}
        assert get(f"{exchange.url}/products/BTC-USD/ticker") == {"message": "NotFound"}
        assert get(f"{exchange.url}/api/v3/simple/price?ids=bitcoin&vs_currencies=cad") == {}


def test_a_recording_does_not_step() -> None:
    market = RecordedTickers([{"symbol": "BTCUSDT", "openTime": 0, "closeTime": 1}], Decimal(1), Decimal(0), "rows")
    with pytest.raises(CannotStep, match="does not move"):
        market.step("minutes", 1)


# Candles


@pytest.fixture(scope="module")
def candles_path() -> Path:
    return recording("klines/binance_1m_2021-05-11T20_2021-05-13T08.csv")


@pytest.fixture(scope="module")
def candles(candles_path: Path) -> dict[str, list[dict[str, str]]]:
    """Return the file, read by other code than the exchange's."""
    symbols: dict[str, list[dict[str, str]]] = {}
    with candles_path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            symbols.setdefault(row["symbol"], []).append(row)
    return symbols


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def parsed(candles_path: Path) -> tuple[dict[str, Candles], int]:
    return read_candles(candles_path)


@pytest.fixture
def replay(parsed: tuple[dict[str, Candles], int]) -> CandleReplay:
    return CandleReplay(*parsed, usd_cad=Decimal("1.2096"), speed=Decimal(60))


@pytest.mark.parametrize("minute", [1_440, 1_441, 1_777, 2_159])
def test_a_minute_looks_back_over_exactly_1440_candles(
    replay: CandleReplay, candles: dict[str, list[dict[str, str]]], minute: int
) -> None:
    rows = rows_at(replay, minute)
    assert set(rows) == set(candles)
    for symbol, every in candles.items():
        row = {key: Decimal(value) for key, value in rows[symbol].items() if key != "symbol"}
        window = every[minute - DAY + 1 : minute + 1]
        assert len(window) == DAY
        last, opened = Decimal(every[minute]["close"]), Decimal(every[minute - DAY]["close"])
        assert row["lastPrice"] == last
        assert row["openPrice"] == opened
        assert row["priceChange"] == last - opened
        assert row["highPrice"] == max(Decimal(candle["high"]) for candle in window)
        assert row["lowPrice"] == min(Decimal(candle["low"]) for candle in window)
        assert row["volume"] == sum(Decimal(candle["base_volume"]) for candle in window)
        places = max(
            len(candle[price].rstrip("0").partition(".")[2])
            for candle in every
            for price in ("open", "high", "low", "close")
        )
        assert row["bidPrice"] == last
        assert row["askPrice"] == last + Decimal(1).scaleb(-places)


def test_a_replay_runs_at_its_speed_and_stops_at_the_end(
    replay: CandleReplay, candles: dict[str, list[dict[str, str]]], clock: Clock
) -> None:
    with exchange_in_thread(replay, clock_ms=clock) as exchange:

        def minute() -> tuple[int, bool]:
            market = get(f"{exchange.url}/control/state")["market"]
            return market["minute"], market["ended"]

        assert minute() == (1_440, False)
        clock.ms += 999
        assert minute() == (1_440, False)
        clock.ms += 1
        assert minute() == (1_441, False)
        clock.ms += 1_000_000
        assert minute() == (2_159, True)
        row = get(f"{exchange.url}/api/v3/ticker/24hr?symbol=BTCUSDT")
        assert Decimal(row["lastPrice"]) == Decimal(candles["BTCUSDT"][-1]["close"])
        assert row["closeTime"] == clock.ms


def test_a_replay_that_stands_still_moves_by_steps(
    parsed: tuple[dict[str, Candles], int], candles: dict[str, list[dict[str, str]]]
) -> None:
    market = CandleReplay(*parsed, usd_cad=Decimal("1.2096"), speed=Decimal(0), spread_ticks=0)
    with exchange_in_thread(market) as exchange:
        for minute in (1_440, 1_441, 1_442):
            row = get(f"{exchange.url}/api/v3/ticker/24hr?symbol=ETHUSDT")
            assert Decimal(row["lastPrice"]) == Decimal(candles["ETHUSDT"][minute]["close"])
            assert row["bidPrice"] == row["askPrice"] == row["lastPrice"]
            stepped = requests.post(f"{exchange.url}/control/step", json={"minutes": 1}, timeout=5)
            assert stepped.json()["market"]["minute"] == minute + 1


def test_a_replay_starts_when_it_is_told_to(
    parsed: tuple[dict[str, Candles], int], candles: dict[str, list[dict[str, str]]]
) -> None:
    first = datetime.fromtimestamp(int(candles["BTCUSDT"][0]["open_time_ms"]) // 1000, UTC)
    start = first + timedelta(minutes=1_500)
    market = CandleReplay(*parsed, usd_cad=Decimal(1), start=start)
    # The candle that opened a minute before the start has just closed.
    assert market.moment(NOW_MS).index == 1_499
    with pytest.raises(ValueError, match="can start from 2021-05-12T20:01"):
        CandleReplay(*parsed, usd_cad=Decimal(1), start=first)


def test_a_file_with_a_gap_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gap.csv"
    header = "symbol,open_time_ms,open,high,low,close,base_volume"
    path.write_text(f"{header}\nBTCUSDT,0,1,1,1,1,1\nBTCUSDT,120000,1,1,1,1,1\n", encoding="utf-8")
    with pytest.raises(ValueError, match="not one candle per minute"):
        CandleReplay.load(path, usd_cad=Decimal(1))


# The simulation


def test_every_asset_has_a_reference_price() -> None:
    for asset in catalogue().values():
        listing = reference(asset.code)
        assert listing.price > 0
        assert listing.price % listing.tick == 0


def test_the_same_seed_and_step_give_the_same_prices() -> None:
    one, other = SimulatedMarket(seed=7), SimulatedMarket(seed=7)
    for step in range(0, 300, 30):
        rows_at(one, step)
    assert one.binance_rows(Moment(NOW_MS, 300)) == other.binance_rows(Moment(NOW_MS, 300))
    assert one.pairs("kraken", Moment(NOW_MS, 300)) == other.pairs("kraken", Moment(NOW_MS, 300))
    assert one.pairs("coinbase", Moment(NOW_MS, 300)) == other.pairs("coinbase", Moment(NOW_MS, 300))
    assert one.coingecko_coins(Moment(NOW_MS, 300)) == other.coingecko_coins(Moment(NOW_MS, 300))
    assert one.pairs("ndax", Moment(NOW_MS, 300)) == other.pairs("ndax", Moment(NOW_MS, 300))
    assert rows_at(SimulatedMarket(seed=8), 300) != rows_at(other, 300)


def test_a_price_of_any_source_is_the_open_of_24_hours_later() -> None:
    market = SimulatedMarket(seed=3)
    now, later = Moment(NOW_MS, 6_000), Moment(NOW_MS, 6_000 + 86_400)
    for source in TRAITS:
        before, after = market.pairs(source, now), market.pairs(source, later)
        assert {name: pair.open_24h for name, pair in after.items()} == {name: p.last for name, p in before.items()}
    coins = market.coingecko_coins(now)
    assert {name: coin.cad_24h_ago for name, coin in market.coingecko_coins(later).items()} == {
        name: coin.cad for name, coin in coins.items()
    }


def test_the_open_of_today_is_the_price_at_midnight_all_day() -> None:
    market = SimulatedMarket(seed=3)
    market.moment(NOW_MS - 3_600_400)
    midnight = market.pairs("kraken", market.moment(NOW_MS))["XBTCAD"].last
    for later_ms in (0, 1_000, 7_777_777, 86_399_999):
        assert market.pairs("kraken", market.moment(NOW_MS + later_ms))["XBTCAD"].open_today == midnight
    assert market.pairs("kraken", market.moment(NOW_MS + 86_400_000))["XBTCAD"].open_today != midnight


def test_a_price_is_the_open_of_24_hours_later() -> None:
    market = SimulatedMarket(seed=3)
    now, later = rows_at(market, 5_000), rows_at(market, 5_000 + 86_400)
    for symbol in ("BTCUSDT", "SHIBUSDT", "BANDUSDT"):
        assert later[symbol]["openPrice"] == now[symbol]["lastPrice"]
        change = Decimal(later[symbol]["lastPrice"]) - Decimal(later[symbol]["openPrice"])
        assert Decimal(later[symbol]["priceChange"]) == change


def test_a_book_is_never_crossed_and_its_prices_are_whole_ticks() -> None:
    market = SimulatedMarket(seed=2)
    for step in (0, 1, 50_000, PERIOD * 3 + 5):
        live = [row for row in market.binance_rows(Moment(NOW_MS, step)) if row["bidPrice"] != "0.00000000"]
        assert len(live) == len(markets_at("binance"))
        for row in live:
            bid, last, ask = (Decimal(row[name]) for name in ("bidPrice", "lastPrice", "askPrice"))
            assert 0 < bid < ask
            assert bid <= last <= ask
            assert Decimal(row["lowPrice"]) <= last <= Decimal(row["highPrice"])
            assert (ask - bid) / last < Decimal("0.01")
        pairs = market.pairs("kraken", Moment(NOW_MS, step))
        assert Decimal("1.30") < pairs["USDCAD"].last < Decimal("1.44")
        ndax = market.pairs("ndax", Moment(NOW_MS, step))
        others = {("kraken", name): pair for name, pair in pairs.items()}
        others |= {("coinbase", name): pair for name, pair in market.pairs("coinbase", Moment(NOW_MS, step)).items()}
        others |= {("ndax", name): pair for name, pair in ndax.items() if name not in NDAX_EMPTY}
        for (source, name), pair in others.items():
            assert 0 < pair.bid < pair.ask
            if name not in THIN.get(source, ()):
                assert pair.bid <= pair.last <= pair.ask
            if pair.online:
                assert pair.low <= pair.last <= pair.high
                assert (pair.ask - pair.bid) / pair.bid < (Decimal("0.01") if source == "ndax" else Decimal("0.0025"))


def test_the_last_trade_of_a_thin_book_is_percents_off_the_book() -> None:
    market = SimulatedMarket(seed=2)
    sides: set[bool] = set()
    for hour in range(24):
        moment = Moment(NOW_MS, 600 + 3_600 * hour)
        pairs, ndax = market.pairs("kraken", moment), market.pairs("ndax", moment)
        for thin, mid in (
            (pairs["XDGCAD"], _mid(pairs["XDGUSD"]) * _mid(pairs["USDCAD"])),
            (pairs["XRPCAD"], _mid(pairs["XRPUSD"]) * _mid(pairs["USDCAD"])),
            (ndax["LTC_CAD"], _mid(pairs["LTCUSD"]) * _mid(pairs["USDCAD"])),
        ):
            assert abs(_mid(thin) / mid - 1) < Decimal("0.002")
            assert Decimal("0.01") < abs(thin.last / mid - 1) < Decimal("0.1")
            assert not thin.bid <= thin.last <= thin.ask
            assert thin.trades > 0
            sides.add(thin.last > thin.ask)
    assert sides == {True, False}


@pytest.mark.parametrize(("source", "lags"), [("kraken", {0}), ("coinbase", {1, 2}), ("ndax", {1, 2, 3})])
def test_sources_lag_by_some_seconds(source: str, lags: set[int]) -> None:
    # Its prices now are those of then without the lag.
    fair, steps = FairPrices(2, 86_400), TimeSteps(Decimal(1_000), NOW_MS)
    markets = cross_markets(2, source, Decimal(1))
    assert {of.lag for of in markets} <= lags
    assert max(of.lag for of in markets) == max(lags)
    for of in markets:
        now, then = (steps_at(steps, seconds) for seconds in (7_000, 7_000 - of.lag))
        late, early = of.ticker(fair, steps, now), replace(of, lag=0).ticker(fair, steps, then)
        assert replace(late, open_today=early.open_today) == early
    # A step may be longer than any lag.
    assert {of.lag for of in cross_markets(2, source, Decimal(5))} == {0}


def steps_at(steps: TimeSteps, seconds: int) -> Moment:
    return Moment(steps.began_ms + seconds * 1_000, seconds)


def _mid(pair: PairTicker) -> Decimal:
    return (pair.bid + pair.ask) / 2


def test_illiquid_assets_move_less_often() -> None:
    market = SimulatedMarket(seed=1)
    seen = [rows_at(market, step) for step in range(100)]

    def moves(symbol: str) -> int:
        return sum(a[symbol]["lastPrice"] != b[symbol]["lastPrice"] for a, b in pairwise(seen))

    assert moves("BTCUSDT") > 80
    assert 0 < moves("BANDUSDT") + moves("ENJUSDT") < 20
    # A row's time is that of its last trade.
    ages = [NOW_MS - int(rows["ENJUSDT"]["closeTime"]) for rows in seen]
    assert all(later in (0, age + 1_000) for age, later in pairwise(ages))
    assert 0 < max(ages) < 2 * 20 * 1_000


def test_the_simulated_market_moves_with_the_clock_or_by_steps(clock: Clock) -> None:
    with exchange_in_thread(SimulatedMarket(seed=5, step_seconds=Decimal("0.5")), clock_ms=clock) as exchange:
        clock.ms += 2_000
        assert get(f"{exchange.url}/control/state")["market"]["step"] == 4
        response = requests.get(f"{exchange.url}/api/v3/ticker/24hr", timeout=5)
        assert response.headers["X-Cadfeed-Market"] == "simulated"
    with exchange_in_thread(SimulatedMarket(seed=5, step_seconds=Decimal(0)), clock_ms=clock) as exchange:
        before = get(f"{exchange.url}/api/v3/ticker/24hr?symbol=BTCUSDT")
        clock.ms += 60_000
        assert get(f"{exchange.url}/api/v3/ticker/24hr?symbol=BTCUSDT")["lastPrice"] == before["lastPrice"]
        state = requests.post(f"{exchange.url}/control/step", json={"steps": 3}, timeout=5).json()
        assert state["market"]["step"] == 3
        assert get(f"{exchange.url}/api/v3/ticker/24hr?symbol=BTCUSDT")["lastPrice"] != before["lastPrice"]


def test_markets_the_catalogue_calls_dead_trade_nowhere() -> None:
    market = SimulatedMarket()
    rows, moment = rows_at(market, 0), Moment(NOW_MS, 0)
    assert set(rows) == {*market_names("binance"), *DEAD["binance"]}
    for name, row in rows.items():
        dead = name in DEAD["binance"]
        assert (row["bidPrice"] == row["askPrice"] == "0.00000000") == dead, name
        assert market.trading_status(name) == ("BREAK" if dead else "TRADING")
        assert (int(row["closeTime"]) < NOW_MS - 7 * 86_400_000) == dead
    assert not market.pairs("coinbase", moment).keys() & set(DEAD["coinbase"])
    assert not market.coingecko_coins(moment).keys() & set(DEAD["coingecko"])


def test_no_time_of_any_source_ever_decreases() -> None:
    clock, market = Clock(), SimulatedMarket(seed=6, step_seconds=Decimal("0.7"))
    limits = {"weight_limit": 100_000, "coinbase_limit": 1_000, "coingecko_limit": 1_000}
    with exchange_in_thread(market, clock_ms=clock, **limits) as exchange:
        coins = ",".join(market_names("coingecko"))
        coins = f"ids={coins}&vs_currencies=cad&include_last_updated_at=true"
        before: dict[str, int | str] = {}
        for look in range(120):
            if look % 40 == 20:
                # Steps that take no time do not move it back either.
                requests.post(f"{exchange.url}/control/step", json={"steps": 1 + look}, timeout=5)
            times: dict[str, int | str] = {}
            for row in get(f"{exchange.url}/api/v3/ticker/24hr"):
                times |= {f"{row['symbol']} {name}": row[name] for name in ("openTime", "closeTime", "lastId")}
            for name, row in get(f"{exchange.url}/api/v3/simple/price?{coins}").items():
                times[name] = row["last_updated_at"]
            for product in ("BTC-USD", "AMP-USD"):
                times[product] = get(f"{exchange.url}/products/{product}/ticker")["time"]
            times["er_api"] = get(f"{exchange.url}/v6/latest/USD")["time_last_update_unix"]
            valet = get(f"{exchange.url}/valet/observations/FXUSDCAD/json?recent=1")["observations"]
            times["bank_of_canada"] = valet[0]["d"]
            fallen = [name for name in before if times[name] < before[name]]  # type: ignore[operator]
            assert not fallen, (look, fallen)
            before = times
            clock.ms += (1, 246, 453, 699, 13)[look % 5]


def test_a_step_has_the_same_time_at_every_read() -> None:
    steps = TimeSteps(Decimal(500), began_ms=1_000).jumped(4, 10).jumped(14, 3).jumped(30, 5)
    assert steps.jumps == ((4, 13), (30, 5))
    began: dict[int, int] = {}
    for elapsed in range(20):
        moment = Moment(1_000 + 500 * elapsed + 246, steps.index(elapsed))
        assert steps.time_ms(moment, moment.index) == 1_000 + 500 * elapsed
        for step in range(moment.index + 1):
            assert began.setdefault(step, steps.time_ms(moment, step)) == steps.time_ms(moment, step)
    assert list(began.values()) == sorted(began.values())


def test_a_walk_steps_by_about_one_and_repeats_only_itself() -> None:
    steps = [walk("seed", at + 1) - walk("seed", at) for at in range(2_000)]
    variance = sum((step * step for step in steps), Decimal(0)) / len(steps)
    assert Decimal("0.9") < variance < Decimal("1.1")
    assert walk("seed", 0) == walk("seed", PERIOD) == 0
    assert walk("seed", 1) != walk("seed", PERIOD + 1)
