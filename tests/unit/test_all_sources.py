"""All sources are asked at once; one that fails or hangs never keeps the others' tickers back."""

from collections.abc import Iterator

import pytest

from shared.sources.all_sources import SOURCES, AllSources, Polled
from tools.exchange.faults import parse_faults
from tools.exchange.server import Exchange, exchange_in_thread
from tools.exchange.simulated import SimulatedMarket

TIMEOUT_S = 5.0
NAMES = ["binance", "kraken", "bank_of_canada", "er_api"]


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    with exchange_in_thread(SimulatedMarket(seed=1)) as running:
        yield running


@pytest.fixture
def sources(exchange: Exchange) -> AllSources:
    return AllSources(dict.fromkeys(NAMES, exchange.url))


def from_sources(polled: Polled) -> set[str]:
    return {ticker.source for ticker in polled.tickers}


def ill(polled: Polled) -> dict[str, str]:
    return {name: state.error for name, state in polled.states.items() if state.error}


def test_every_source_is_asked_once_and_answers(exchange: Exchange, sources: AllSources) -> None:
    polled = sources.poll(TIMEOUT_S)
    assert [make().name for make in SOURCES] == NAMES
    assert from_sources(polled) == set(NAMES)
    assert ill(polled) == {}
    assert all(state.ok_ms for state in polled.states.values())
    assert exchange.requests_since_start == dict.fromkeys(NAMES, 1)


def test_the_next_tick_asks_only_those_that_are_due_and_reports_only_them(
    exchange: Exchange, sources: AllSources
) -> None:
    sources.poll(TIMEOUT_S)
    polled = sources.poll(TIMEOUT_S)
    assert set(polled.states) == from_sources(polled) == {"binance", "kraken"}
    assert exchange.requests_since_start == {"binance": 2, "kraken": 2, "bank_of_canada": 1, "er_api": 1}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "fault", [{"status": 429, "retry_after": 60}, {"status": 451}, {"garbage": True}, {"cut": True}, {"empty": True}]
)
def test_a_source_that_fails_is_skipped_and_the_others_serve(
    exchange: Exchange, sources: AllSources, name: str, fault: dict[str, object]
) -> None:
    exchange.set_faults(parse_faults({name: fault}))
    polled = sources.poll(TIMEOUT_S)
    assert from_sources(polled) == set(NAMES) - {name}
    assert list(ill(polled)) == [name]
    assert polled.states[name].ok_ms == 0


def test_a_source_that_backs_off_is_not_asked(exchange: Exchange, sources: AllSources) -> None:
    exchange.set_faults(parse_faults({"binance": {"status": 418}}))
    sources.poll(TIMEOUT_S)
    polled = sources.poll(TIMEOUT_S)
    assert "binance" not in polled.states
    assert exchange.requests_since_start["binance"] == 1  # type: ignore[index]  # a StrEnum is its text


def test_a_source_that_hangs_is_reported_and_never_waited_for(exchange: Exchange, sources: AllSources) -> None:
    exchange.set_faults(parse_faults({"binance": {"hang": True}}))
    polled = sources.poll(0.8)
    assert from_sources(polled) == set(NAMES) - {"binance"}
    assert list(ill(polled)) == ["binance"]


def test_an_answer_that_comes_later_counts_for_the_next_tick(
    exchange: Exchange, sources: AllSources, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources.poll(TIMEOUT_S)
    exchange.set_faults(parse_faults({"binance": {"latency_ms": 1_200}}))
    # The request itself is given more time than this round waits for it.
    binance = sources._pollers[0]
    ask = binance.poll
    monkeypatch.setattr(binance, "poll", lambda now_ms, _timeout_s: ask(now_ms, TIMEOUT_S))
    late = sources.poll(0.8)
    assert ill(late) == {"binance": "no answer in 0.8 s"}
    assert from_sources(late) == {"kraken"}
    polled = sources.poll(TIMEOUT_S)
    assert from_sources(polled) == {"binance", "kraken"}
    assert ill(polled) == {}
    # It was not asked a second time while it had not answered.
    assert exchange.requests_since_start["binance"] == 2  # type: ignore[index]  # a StrEnum is its text


def test_a_source_without_a_base_url_is_asked_at_its_public_address() -> None:
    addresses = [poller._url for poller in AllSources({"kraken": "http://127.0.0.1:1"})._pollers]
    assert addresses == [
        "https://data-api.binance.vision/api/v3/ticker/24hr",
        "http://127.0.0.1:1/0/public/Ticker",
        "https://www.bankofcanada.ca/valet/observations/FXUSDCAD/json",
        "https://open.er-api.com/v6/latest/USD",
    ]
