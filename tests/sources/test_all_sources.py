"""All sources are asked at once; a failing or hanging one never delays the others, nor delays a tick twice."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from itertools import pairwise
from threading import Event
from urllib.parse import urlsplit

import pytest

from shared.model.values import Polled, SourceState, Ticker
from shared.model.wire import dumps
from shared.sources import all_sources, bank_of_canada, binance, coinbase, coingecko, er_api, kraken, ndax
from shared.sources.all_sources import SOURCES, TOO_LATE_MS, AllSources
from shared.sources.upstream import PACE_SLACK_MS, SourceUnavailable
from tests.clock import Clock
from tests.sources.test_bank_of_canada import VALET
from tests.sources.test_binance import BTC
from tests.sources.test_coinbase import COINBASE
from tests.sources.test_coingecko import COINGECKO
from tests.sources.test_er_api import ER_API
from tests.sources.test_kraken import KRAKEN
from tests.sources.test_ndax import NDAX
from tests.sources.test_upstream import respond, server

TIMEOUT_S = 5.0
SHORT_S = 0.3
MODULES = [binance, kraken, ndax, coinbase, coingecko, bank_of_canada, er_api]
NAMES = [module.NAME for module in MODULES]
EVERY_TICK = {"binance", "kraken"}
HELD = {"ndax", "coinbase", "coingecko"}

Respond = Callable[[BaseHTTPRequestHandler], None]


class Upstreams:
    """All upstreams at one address, each healthy by default."""

    def __init__(self, clock: Clock) -> None:
        self.url = ""
        self.asked: Counter[str] = Counter()
        self.ill: dict[str, Respond] = {}
        self._clock = clock

    def respond(self, request: BaseHTTPRequestHandler) -> None:
        path = urlsplit(request.path).path
        name = next(module.NAME for module in MODULES if path == module.PATH)
        self.asked[name] += 1
        well = respond(200, dumps(self._payload(name)).encode())
        self.ill.get(name, well)(request)

    def _day(self) -> str:
        return f"{datetime.fromtimestamp(self._clock() // 1000, UTC):%Y-%m-%d}"

    def _payload(self, name: str) -> object:
        return {
            "binance": [BTC | {"closeTime": self._clock()}],
            "kraken": KRAKEN,
            "ndax": NDAX,
            "coinbase": COINBASE,
            "coingecko": {"bitcoin": COINGECKO["bitcoin"] | {"last_updated_at": self._clock() // 1000}},
            "bank_of_canada": VALET | {"observations": [VALET["observations"][-1] | {"d": self._day()}]},
            "er_api": ER_API | {"time_last_update_unix": self._clock() // 1000},
        }[name]


class Stuck:
    """An upstream that answers when a test releases it."""

    def __init__(self, then: Respond) -> None:
        self.let_go = Event()
        self._then = then

    def __call__(self, request: BaseHTTPRequestHandler) -> None:
        self.let_go.wait()
        self._then(request)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    standing = Clock()
    monkeypatch.setattr(all_sources, "_now_ms", standing)
    return standing


@pytest.fixture
def upstreams(clock: Clock) -> Iterator[Upstreams]:
    made = Upstreams(clock)
    with server(made.respond) as made.url:
        yield made
        for ill in made.ill.values():
            if isinstance(ill, Stuck):
                ill.let_go.set()


@pytest.fixture
def sources(upstreams: Upstreams) -> AllSources:
    return all_of(upstreams)


def all_of(upstreams: Upstreams) -> AllSources:
    """Return all sources without jitter, as in a new Lambda."""
    return AllSources(dict.fromkeys(NAMES, upstreams.url), random=lambda: 0.5, monotonic=lambda: 0)


def patient(sources: AllSources, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give its request more time than the round waits."""
    poller = next(p for p in sources._pollers if p.source.name == name)
    ask = poller.ask
    monkeypatch.setattr(poller, "ask", lambda now_ms, _timeout_s: ask(now_ms, TIMEOUT_S))


def from_sources(polled: Polled) -> set[str]:
    return {ticker.source for ticker in polled.tickers}


def tickers_of(polled: Polled, name: str) -> list[Ticker]:
    return [ticker for ticker in polled.tickers if ticker.source == name]


def ill(polled: Polled) -> dict[str, str]:
    return {name: state.error for name, state in polled.states.items() if state.error}


def test_every_source_is_asked_once_and_answers(upstreams: Upstreams, sources: AllSources, clock: Clock) -> None:
    polled = sources.poll(TIMEOUT_S)
    assert [make().name for make in SOURCES] == NAMES
    assert from_sources(polled) == set(NAMES)
    assert polled.states == dict.fromkeys(NAMES, SourceState(ok_ms=clock()))
    assert upstreams.asked == dict.fromkeys(NAMES, 1)


def test_a_tick_asks_only_due_sources_and_serves_held_answers(
    upstreams: Upstreams, sources: AllSources, clock: Clock
) -> None:
    """It has the state of every source."""
    before = sources.poll(TIMEOUT_S)
    began_ms = clock()
    clock.ms += 5_000
    polled = sources.poll(TIMEOUT_S)
    assert from_sources(polled) == EVERY_TICK | HELD
    for name in HELD:
        assert all(a is b for a, b in zip(tickers_of(polled, name), tickers_of(before, name), strict=True))
    assert {name: state.ok_ms for name, state in polled.states.items()} == {
        name: clock() if name in EVERY_TICK else began_ms for name in NAMES
    }
    assert upstreams.asked == {name: 2 if name in EVERY_TICK else 1 for name in NAMES}


def test_a_paced_source_is_asked_again_at_its_pace(upstreams: Upstreams, sources: AllSources, clock: Clock) -> None:
    sources.poll(TIMEOUT_S)
    clock.ms += 10_000
    polled = sources.poll(TIMEOUT_S)
    assert upstreams.asked["coinbase"] == 2
    assert {ticker.ts_ms for ticker in tickers_of(polled, "coinbase")} == {clock()}


@pytest.mark.parametrize(("name", "hold_ms"), [("coinbase", 30_000), ("coingecko", 120_000)])
def test_a_failing_poll_keeps_the_held_answer_until_its_time(
    upstreams: Upstreams, sources: AllSources, clock: Clock, name: str, hold_ms: int
) -> None:
    held = tickers_of(sources.poll(TIMEOUT_S), name)
    began_ms = clock()
    upstreams.ill[name] = respond(500)
    clock.ms = began_ms + hold_ms - 1
    polled = sources.poll(TIMEOUT_S)
    assert ill(polled) == {name: "HTTP 500"}
    assert tickers_of(polled, name) == held
    clock.ms = began_ms + hold_ms
    assert tickers_of(sources.poll(TIMEOUT_S), name) == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "fault", [respond(429, Retry_After="60"), respond(451), respond(200, b"<html>"), respond(200, b"[]")]
)
def test_a_source_that_fails_is_skipped_and_the_others_serve(
    upstreams: Upstreams, sources: AllSources, name: str, fault: Respond
) -> None:
    upstreams.ill[name] = fault
    polled = sources.poll(TIMEOUT_S)
    assert from_sources(polled) == set(NAMES) - {name}
    assert list(ill(polled)) == [name]
    assert (polled.states[name].ok_ms, polled.states[name].failures) == (0, 1)


def test_a_source_that_backs_off_still_reports_its_state(
    upstreams: Upstreams, sources: AllSources, clock: Clock
) -> None:
    upstreams.ill["binance"] = respond(418)
    sources.poll(TIMEOUT_S)
    retry_ms = clock() + 120_000
    clock.ms = retry_ms - 1
    assert sources.poll(TIMEOUT_S).states["binance"] == SourceState(0, "HTTP 418", 1, retry_ms)
    assert upstreams.asked["binance"] == 1
    clock.ms = retry_ms
    assert sources.poll(TIMEOUT_S).states["binance"] == SourceState(0, "HTTP 418", 2, retry_ms + 240_000)


def test_a_new_lambda_resumes_the_circuits_that_were_stored(upstreams: Upstreams, clock: Clock) -> None:
    upstreams.ill = {"binance": respond(451), "coingecko": respond(429, Retry_After="90")}
    stored = all_of(upstreams).poll(TIMEOUT_S).states
    upstreams.ill.clear()
    asked = dict(upstreams.asked)
    resumed = all_of(upstreams)
    resumed.resume(stored)
    clock.ms += 89_999
    polled = resumed.poll(TIMEOUT_S)
    assert ill(polled) == {"binance": "HTTP 451", "coingecko": "HTTP 429"}
    assert upstreams.asked == {name: n + (name not in ill(polled)) for name, n in asked.items()}
    clock.ms += 30_001
    assert ill(resumed.poll(TIMEOUT_S)) == {}


def test_a_clock_a_day_ahead_does_not_keep_sources_unasked(upstreams: Upstreams, clock: Clock) -> None:
    """Each source has refused, most of them with a time, in a function whose clock was wrong."""
    refused = {name: respond(429, Retry_After="90") for name in NAMES}
    upstreams.ill = refused | {"binance": respond(418), "kraken": respond(500), "ndax": respond(451)}
    clock.ms += 86_400_000
    stored = all_of(upstreams).poll(TIMEOUT_S).states
    clock.ms -= 86_400_000
    upstreams.ill.clear()
    resumed = all_of(upstreams)
    resumed.resume(stored)
    asked = dict(upstreams.asked)
    assert ill(resumed.poll(TIMEOUT_S)).keys() == set(NAMES)
    assert upstreams.asked == asked
    clock.ms += 3_600_000  # the longest pace
    assert ill(resumed.poll(TIMEOUT_S)) == {}


def test_a_warm_lambda_keeps_its_own_circuits(upstreams: Upstreams, sources: AllSources, clock: Clock) -> None:
    """A stored circuit of an unknown source is ignored."""
    sources.resume({"nobody": SourceState(1, "x", 1, clock() + 60_000)})
    before = sources.poll(TIMEOUT_S).states
    earlier = SourceState(clock() - 60_000, "HTTP 500", 1, clock() - 59_000)
    sources.resume(dict.fromkeys(NAMES, earlier))
    clock.ms += 1
    polled = sources.poll(TIMEOUT_S)
    assert ill(polled) == {}
    assert "nobody" not in polled.states
    assert all(polled.states[name] == before[name] for name in set(NAMES) - EVERY_TICK)
    assert upstreams.asked["binance"] == 2


def test_a_source_that_hangs_is_reported_and_awaited_once(
    upstreams: Upstreams, sources: AllSources, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient(sources, "binance", monkeypatch)
    upstreams.ill["binance"] = Stuck(respond(500))
    polled = sources.poll(SHORT_S)
    assert from_sources(polled) == set(NAMES) - {"binance"}
    assert ill(polled) == {"binance": "no answer in 0.3 s"}
    for _ in range(2):
        clock.ms += 5_000
        began_s = time.monotonic()
        polled = sources.poll(TIMEOUT_S)
        assert time.monotonic() - began_s < TIMEOUT_S / 2
        assert from_sources(polled) == EVERY_TICK - {"binance"} | HELD
        assert polled.states["binance"].error == "no answer in 0.3 s"
        assert polled.states["binance"].failures == 1
    assert upstreams.asked["binance"] == 1


def test_a_source_that_keeps_hanging_is_asked_less_and_less(
    upstreams: Upstreams, sources: AllSources, clock: Clock
) -> None:
    upstreams.ill["kraken"] = Stuck(respond(500))
    asked_at_s = []
    for second in range(16):
        before = upstreams.asked["kraken"]
        sources.poll(SHORT_S)
        # Its time limit ends at about the same time as the round's; either way it is one failure.
        until(lambda: all(request.future.done() for request in sources._overdue))
        if upstreams.asked["kraken"] > before:
            asked_at_s.append(second)
        clock.ms += 1_000
    rests_s = [later - earlier for earlier, later in pairwise(asked_at_s)]
    assert 3 <= len(asked_at_s) <= 5
    assert rests_s == sorted(rests_s)


def test_a_late_answer_counts_for_the_tick_it_arrives_in(
    upstreams: Upstreams, sources: AllSources, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient(sources, "binance", monkeypatch)
    asked_ms = clock()
    stuck = Stuck(respond(200, dumps([BTC | {"closeTime": asked_ms}]).encode()))
    upstreams.ill["binance"] = stuck
    assert "binance" not in from_sources(sources.poll(SHORT_S))
    stuck.let_go.set()
    until(lambda: sources._overdue[0].future.done())
    clock.ms += 500
    polled = sources.poll(TIMEOUT_S)
    assert "binance" in from_sources(polled)
    # Healthy, but asked as seldom as a failed one until it answers in time.
    assert polled.states["binance"] == SourceState(asked_ms, "", 1, asked_ms + 1_000)
    assert upstreams.asked["binance"] == 1
    clock.ms += 500
    assert sources.poll(TIMEOUT_S).states["binance"] == SourceState(ok_ms=clock())


def test_a_late_failure_counts_once_and_has_its_reason(
    upstreams: Upstreams, sources: AllSources, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient(sources, "binance", monkeypatch)
    stuck = Stuck(respond(451))
    upstreams.ill["binance"] = stuck
    sources.poll(SHORT_S)
    stuck.let_go.set()
    until(lambda: sources._overdue[0].future.done())
    assert sources.poll(TIMEOUT_S).states["binance"] == SourceState(0, "HTTP 451", 1, clock() + 120_000)


def test_a_much_too_late_answer_is_dropped_and_asked_again(
    upstreams: Upstreams, sources: AllSources, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient(sources, "kraken", monkeypatch)
    stuck = Stuck(respond(200, dumps(KRAKEN).encode()))
    upstreams.ill["kraken"] = stuck
    sources.poll(SHORT_S)
    stuck.let_go.set()
    until(lambda: sources._overdue[0].future.done())
    del upstreams.ill["kraken"]
    clock.ms += TOO_LATE_MS + 1  # the Lambda was frozen in between
    polled = sources.poll(TIMEOUT_S)
    assert upstreams.asked["kraken"] == 2
    assert {ticker.ts_ms for ticker in tickers_of(polled, "kraken")} == {clock()}


@pytest.mark.parametrize("tick_ms", [1_000, 2_000, 5_000, 60_000])
def test_a_source_asked_every_tick_recovers_in_two_ticks(tick_ms: int) -> None:
    """A source with a pace rests longer."""
    sources = AllSources({}, tick_ms=tick_ms, random=lambda: 1.0)
    for poller in sources._pollers:
        for _ in range(19):
            poller.failed(SourceUnavailable("HTTP 500"), 1_000)
        rest_ms = poller.state.retry_ms - 1_000
        if poller.source.name in EVERY_TICK:
            assert rest_ms < 2 * tick_ms
            assert rest_ms <= 9_600
        else:
            assert rest_ms == max(9_600, poller.source.poll_every_ms - PACE_SLACK_MS)


def test_a_pace_can_be_configured_and_sets_how_long_answers_hold() -> None:
    by_name = {
        p.source.name: p.source for p in AllSources({}, poll_every_ms={"coingecko": 5_000, "kraken": 9})._pollers
    }
    assert (by_name["coingecko"].poll_every_ms, by_name["coingecko"].hold_ms) == (5_000, 10_000)
    assert (by_name["coinbase"].poll_every_ms, by_name["coinbase"].hold_ms) == (10_000, 30_000)
    assert by_name["kraken"].poll_every_ms == 0


def test_a_source_without_a_base_url_uses_its_public_address() -> None:
    addresses = [poller._url for poller in AllSources({"kraken": "http://127.0.0.1:1"})._pollers]
    assert addresses == [
        "https://data-api.binance.vision/api/v3/ticker/24hr",
        "http://127.0.0.1:1/0/public/Ticker",
        "https://core.ndax.io/v1/ticker",
        "https://api.exchange.coinbase.com/products/stats",
        "https://api.coingecko.com/api/v3/simple/price",
        "https://www.bankofcanada.ca/valet/observations/FXUSDCAD/json",
        "https://open.er-api.com/v6/latest/USD",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_an_hour_of_429s_asks_no_more_often_than_a_good_hour(upstreams: Upstreams, clock: Clock, name: str) -> None:
    """The 429s come without a `Retry-After`."""
    asked = []
    for fault in (None, respond(429)):
        upstreams.ill = {name: fault} if fault else {}
        before = upstreams.asked[name]
        one = AllSources({name: upstreams.url}, random=lambda: 0.0, monotonic=lambda: 0)
        (one._pollers,) = ([p for p in one._pollers if p.source.name == name],)
        for _ in range(720):
            one.poll(TIMEOUT_S)
            clock.ms += 5_000
        asked.append(upstreams.asked[name] - before)
    well, limited = asked
    assert limited <= min(well, 60)


def test_a_clock_set_back_an_hour_blocks_no_source(upstreams: Upstreams, clock: Clock) -> None:
    """Held answers do not serve for longer either."""
    monotonic = Clock(0)
    sources = AllSources(dict.fromkeys(NAMES, upstreams.url), random=lambda: 0.5, monotonic=monotonic)
    sources.poll(TIMEOUT_S)
    upstreams.ill = {"coingecko": respond(500)}
    clock.ms -= 3_600_000
    for _ in range(25):
        clock.ms += 5_000
        monotonic.ms += 5_000
        polled = sources.poll(TIMEOUT_S)
    assert upstreams.asked["coinbase"] == 13
    assert upstreams.asked["coingecko"] == 3
    assert "coingecko" not in from_sources(polled)


def test_a_clock_that_was_an_hour_ahead_blocks_nothing_later(upstreams: Upstreams, clock: Clock) -> None:
    monotonic = Clock(0)
    sources = AllSources(dict.fromkeys(NAMES, upstreams.url), random=lambda: 0.5, monotonic=monotonic)
    clock.ms += 3_600_000
    sources.poll(TIMEOUT_S)
    clock.ms -= 3_600_000
    for _ in range(3):
        clock.ms += 5_000
        monotonic.ms += 5_000
        sources.poll(TIMEOUT_S)
    assert upstreams.asked["coinbase"] == 2
    assert upstreams.asked["kraken"] == 4


def until(done: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 2 * TIMEOUT_S
    while not done():
        assert time.monotonic() < end_s
        time.sleep(0.005)
