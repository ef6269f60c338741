"""An asker keeps the pace of its source, cuts what it wants into requests, and gives up in the end."""

from collections.abc import Mapping

import pytest

from shared.backfill.asker import GIVEN_UP_AFTER_MS, GivenUp, Stopped
from shared.sources import binance_history, coingecko_history, kraken_history
from shared.sources.circuit import FIRST_AFTER_429_MS, FIRST_BAN_MS
from shared.sources.history import Wanted
from shared.sources.upstream import SourceUnavailable
from tests.backfill.asking import HOUR_MS, asker, scripted
from tests.samples import NOW_MS

UNTIL_MS = NOW_MS // HOUR_MS * HOUR_MS


def klines(_url: str, params: Mapping[str, str]) -> object:
    """Return every hour of the request, as Binance does."""
    return [
        [at, "1", "3", "1", "2", "9", at + HOUR_MS - 1, "9", 9, "1", "1", "0"]
        for at in range(int(params["startTime"]), int(params["endTime"]) + 1, HOUR_MS)
    ]


def hours(count: int) -> Wanted:
    return Wanted("BTCUSDT", "1h", UNTIL_MS - count * HOUR_MS, UNTIL_MS)


def test_a_long_time_takes_several_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    script, clock = scripted(monkeypatch, klines)
    found = asker(binance_history.history(), clock).candles(hours(2_500))
    assert [candle.open_ms for candle in found] == list(range(UNTIL_MS - 2_500 * HOUR_MS, UNTIL_MS, HOUR_MS))
    assert len(script.asked) == 3
    assert script.gaps_ms == [binance_history.history().every_ms] * 2


def test_a_young_market_is_not_asked_for_times_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    script, clock = scripted(monkeypatch, lambda url, params: klines(url, params) if not script.asked[1:] else [])
    assert len(asker(binance_history.history(), clock).candles(hours(5_000))) == 1_000
    assert len(script.asked) == 3


def test_a_market_that_did_not_trade_for_a_while_is_asked_on(monkeypatch: pytest.MonkeyPatch) -> None:
    script, clock = scripted(monkeypatch, lambda url, params: [] if len(script.asked) == 2 else klines(url, params))
    found = asker(binance_history.history(), clock).candles(hours(3_000))
    assert [candle.open_ms for candle in found] == [
        UNTIL_MS - n * HOUR_MS for n in range(3_000, 0, -1) if not 1_000 < n <= 2_000
    ]


def test_nothing_is_asked_beyond_the_reach_of_a_source(monkeypatch: pytest.MonkeyPatch) -> None:
    script, clock = scripted(monkeypatch, lambda _url, _params: {"error": [], "result": {"XXBTZCAD": []}})
    asker(kraken_history.history(), clock).candles(Wanted("XBTCAD", "1h", 0, UNTIL_MS - 720 * HOUR_MS))
    assert not script.asked
    asker(kraken_history.history(), clock).candles(Wanted("XBTCAD", "1h", 0, UNTIL_MS))
    assert len(script.asked) == 1


def test_an_interval_that_a_source_lacks_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    script, clock = scripted(monkeypatch, klines)
    assert asker(coingecko_history.history(), clock).candles(Wanted("bitcoin", "1m", 0, UNTIL_MS)) == []
    assert not script.asked


def test_a_failure_is_repeated_later_and_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails_four_times(url: str, params: Mapping[str, str]) -> object:
        if len(script.asked) <= 4:
            raise SourceUnavailable("HTTP 500", status=500)
        return klines(url, params)

    script, clock = scripted(monkeypatch, fails_four_times)
    assert len(asker(binance_history.history(), clock).candles(hours(10))) == 10
    assert script.gaps_ms == [1_000, 2_000, 4_000, 8_000]


@pytest.mark.parametrize(
    ("error", "rest_ms"),
    [
        (SourceUnavailable("HTTP 429", status=429, limited=True, retry_after_ms=7_000), 7_000),
        (SourceUnavailable("HTTP 429", status=429, limited=True), FIRST_AFTER_429_MS),
        (SourceUnavailable("HTTP 403", status=403, banned=True), FIRST_BAN_MS),
    ],
)
def test_a_source_that_asks_for_time_gets_it(
    monkeypatch: pytest.MonkeyPatch, error: SourceUnavailable, rest_ms: int
) -> None:
    def refuses_once(url: str, params: Mapping[str, str]) -> object:
        if len(script.asked) == 1:
            raise error
        return klines(url, params)

    script, clock = scripted(monkeypatch, refuses_once)
    asker(binance_history.history(), clock).candles(hours(10))
    assert script.gaps_ms == [rest_ms]


def test_an_answer_of_another_shape_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    script, clock = scripted(monkeypatch, lambda url, p: klines(url, p) if len(script.asked) > 2 else {"odd": [1]})
    assert len(asker(binance_history.history(), clock).candles(hours(10))) == 10
    assert len(script.asked) == 3


def test_a_market_that_the_source_does_not_know_has_no_candles(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_url: str, _params: Mapping[str, str]) -> object:
        raise SourceUnavailable("HTTP 400", status=400, payload={"code": -1121, "msg": "Invalid symbol."})

    script, clock = scripted(monkeypatch, unknown)
    assert asker(binance_history.history(), clock).candles(hours(10)) == []
    assert len(script.asked) == 1


def test_a_source_that_fails_for_minutes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_url: str, _params: Mapping[str, str]) -> object:
        raise SourceUnavailable("HTTP 500", status=500)

    script, clock = scripted(monkeypatch, fails)
    given_up = asker(binance_history.history(), clock)
    with pytest.raises(GivenUp):
        given_up.candles(hours(10))
    assert GIVEN_UP_AFTER_MS - 60_000 <= clock.now_ms - NOW_MS <= GIVEN_UP_AFTER_MS
    asked = len(script.asked)
    with pytest.raises(GivenUp):
        given_up.candles(hours(10))
    assert len(script.asked) == asked


def test_a_run_that_has_to_end_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    _, clock = scripted(monkeypatch, klines)
    stopped = asker(binance_history.history(), clock)
    clock.set()
    with pytest.raises(Stopped):
        stopped.candles(hours(2_000))
