"""Asks all sources at the same time, with one request each, within one time limit."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from random import random
from types import MappingProxyType

from shared.model.values import Polled, SourceState, Ticker
from shared.sources import bank_of_canada, binance, coinbase, coingecko, er_api, kraken, ndax
from shared.sources.circuit import LONGEST_BACK_OFF_MS, LONGEST_BACK_OFF_TICKS
from shared.sources.clock import SteadyClock, monotonic_ms, wall_ms
from shared.sources.upstream import Poller, Source, SourceUnavailable

SOURCES = (
    binance.source,
    kraken.source,
    ndax.source,
    coinbase.source,
    coingecko.source,
    bank_of_canada.source,
    er_api.source,
)
PATIENCE_S = 5.0
TOO_LATE_MS = 10_000  # an answer that took longer, perhaps because the Lambda was frozen, is too old


@dataclass(frozen=True, slots=True)
class _Request:
    poller: Poller
    future: Future[list[Ticker]]
    asked_ms: int
    before: SourceState


class AllSources:
    """Keeps connections, pace, answers and circuits from tick to tick.

    All mappings are by source: `base_urls` replaces its host, `poll_every_ms` its pace if it has one, `keys` has its
    key. `tick_ms` limits the back-off of sources without a pace. `random` gives the jitter of the circuits,
    `monotonic` is the clock that is never set.
    """

    def __init__(
        self,
        base_urls: Mapping[str, str],
        *,
        poll_every_ms: Mapping[str, int] = MappingProxyType({}),
        tick_ms: int = 5_000,
        keys: Mapping[str, str] = MappingProxyType({}),
        random: Callable[[], float] = random,
        monotonic: Callable[[], int] = monotonic_ms,
    ) -> None:
        self._steady = SteadyClock(_now_ms, monotonic)
        self._pollers: list[Poller] = []
        for source in (make() for make in SOURCES):
            base_url = base_urls.get(source.name, source.base_url)
            if key := keys.get(source.name):
                source = source.with_key(key, base_url)
            if pace_ms := poll_every_ms.get(source.name):
                source = source.at_pace(pace_ms)
            self._pollers.append(Poller(source, base_url, random, _longest_back_off_ms(source, tick_ms)))
        self._threads = ThreadPoolExecutor(len(self._pollers), thread_name_prefix="source")
        self._overdue: list[_Request] = []

    def connect(self, timeout_s: float) -> None:
        """Open connections for the first requests. Returns after this time even if a source does not answer."""
        wait([self._threads.submit(poller.connect, timeout_s) for poller in self._pollers], timeout_s)

    def resume(self, states: Mapping[str, SourceState]) -> None:
        """Take over the circuits that an earlier invocation stored, unless this one knows newer ones."""
        now_ms = self._look_at_clocks()
        for poller in self._pollers:
            if stored := states.get(poller.source.name):
                poller.resume(stored, now_ms)

    def poll(self, timeout_s: float) -> Polled:
        """The tickers of every source that is due and answers in time, and older answers that still serve.

        A source that does not answer in time has failed. While its request runs, it is not asked again and no tick
        waits for it; a late answer counts for the tick in which it arrives.
        """
        now_ms = self._look_at_clocks()
        self._overdue = [r for r in self._overdue if not (r.future.done() and now_ms - r.asked_ms > TOO_LATE_MS)]
        busy = {request.poller for request in self._overdue}
        asked = [self._ask(p, now_ms, timeout_s) for p in self._pollers if p not in busy and p.due(now_ms)]
        wait([request.future for request in asked], timeout=timeout_s)
        settled_ms = self._steady()
        fresh: dict[Poller, list[Ticker]] = {}
        for late in self._overdue:
            if late.future.done():
                fresh[late.poller] = _settle_late(late, settled_ms)
        self._overdue = [late for late in self._overdue if late.poller not in fresh]
        for request in asked:
            if request.future.done():
                fresh[request.poller] = _settle(request, settled_ms)
            else:
                request.poller.failed(SourceUnavailable(f"no answer in {timeout_s:g} s"), settled_ms)
                self._overdue.append(request)
        return Polled(
            [ticker for p in self._pollers for ticker in fresh.get(p) or p.held(settled_ms)],
            {poller.source.name: poller.state for poller in self._pollers},
        )

    def _ask(self, poller: Poller, now_ms: int, timeout_s: float) -> _Request:
        if poller.source.poll_every_ms:  # its next request is far away: a late answer serves the next tick
            timeout_s = max(timeout_s, PATIENCE_S)
        return _Request(poller, self._threads.submit(poller.ask, _now_ms(), timeout_s), now_ms, poller.state)

    def _look_at_clocks(self) -> int:
        """The time by the clock that cannot go back. Also sets each poller's offset to the wall clock."""
        now_ms = self._steady()
        for poller in self._pollers:
            poller.skew_ms = _now_ms() - now_ms
        return now_ms


def _longest_back_off_ms(source: Source, tick_ms: int) -> int:
    of_ticks_ms = int(LONGEST_BACK_OFF_TICKS * tick_ms)
    return LONGEST_BACK_OFF_MS if source.poll_every_ms else min(LONGEST_BACK_OFF_MS, of_ticks_ms)


def _settle(request: _Request, now_ms: int) -> list[Ticker]:
    try:
        tickers = request.future.result()
        request.poller.succeeded(tickers, request.asked_ms)
    except SourceUnavailable as error:
        request.poller.failed(_let_go(error), now_ms)
        return []
    return tickers


def _settle_late(request: _Request, now_ms: int) -> list[Ticker]:
    try:
        tickers = request.future.result()
        request.poller.succeeded_late(tickers, request.asked_ms)
    except SourceUnavailable as error:
        before = request.before  # the same failure as before, now with its reason
        request.poller.failed(_let_go(error), now_ms, before)
        return []
    return tickers


def _let_go(error: SourceUnavailable) -> SourceUnavailable:
    """The error without its traceback, which refers to the answer, and the answer's request to the error."""
    return error.with_traceback(None)


def _now_ms() -> int:
    return wall_ms()
