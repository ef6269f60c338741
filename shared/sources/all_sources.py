"""All sources asked at once, one request each, within one time limit."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from random import random

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
TOO_LATE_MS = 10_000  # an answer that took longer, or came while the Lambda was frozen, is of another time


@dataclass(frozen=True, slots=True)
class _Request:
    poller: Poller
    future: Future[list[Ticker]]
    asked_ms: int
    before: SourceState


class AllSources:
    """Keeps connections, pace, held answers and circuits from tick to tick.

    `base_urls` may name another host per source, `poll_every_ms` another pace for one that has a pace of its own;
    `tick_ms` bounds how long the others are left alone, `coingecko_key` is optional, `random` gives the jitter of the
    circuits, `monotonic` is the clock beside the wall's.
    """

    def __init__(
        self,
        base_urls: Mapping[str, str],
        *,
        poll_every_ms: Mapping[str, int] | None = None,
        tick_ms: int = 5_000,
        coingecko_key: str = "",
        random: Callable[[], float] = random,
        monotonic: Callable[[], int] = monotonic_ms,
    ) -> None:
        paces = poll_every_ms or {}
        made = [_at_pace(source, paces.get(source.name)) for source in (make() for make in SOURCES)]
        if coingecko_key:
            base_url = base_urls.get(coingecko.NAME, coingecko.BASE_URL)
            headers = coingecko.key_header(coingecko_key, base_url)
            made = [replace(s, headers=headers) if s.name == coingecko.NAME else s for s in made]
        self._steady = SteadyClock(_now_ms, monotonic)
        self._pollers = [
            Poller(source, base_urls.get(source.name, source.base_url), random, _longest_back_off_ms(source, tick_ms))
            for source in made
        ]
        self._threads = ThreadPoolExecutor(len(made), thread_name_prefix="source")
        self._overdue: list[_Request] = []

    def resume(self, states: Mapping[str, SourceState]) -> None:
        """Take over the circuits that an earlier invocation stored, except where this one knows better."""
        now_ms = self._look_at_clocks()
        for poller in self._pollers:
            if stored := states.get(poller.source.name):
                poller.resume(stored, now_ms)

    def poll(self, timeout_s: float) -> Polled:
        """The tickers of every source that is due and answers in time, and those that are held.

        A source that has not answered in time has failed. It is not asked again, and no later round waits for it,
        while that request runs; an answer that comes in the meantime counts for that round.
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
        if poller.source.poll_every_ms:  # its next request is far: an answer that is late serves the next tick
            timeout_s = max(timeout_s, PATIENCE_S)
        return _Request(poller, self._threads.submit(poller.ask, _now_ms(), timeout_s), now_ms, poller.state)

    def _look_at_clocks(self) -> int:
        """The time that cannot go back. The states that are told have the wall's."""
        now_ms = self._steady()
        for poller in self._pollers:
            poller.skew_ms = _now_ms() - now_ms
        return now_ms


def _at_pace(source: Source, poll_every_ms: int | None) -> Source:
    """The source asked so often; its answers serve for as many of its requests as before."""
    if poll_every_ms is None or not source.poll_every_ms:
        return source
    hold_ms = source.hold_ms * poll_every_ms // source.poll_every_ms
    return replace(source, poll_every_ms=poll_every_ms, hold_ms=hold_ms)


def _longest_back_off_ms(source: Source, tick_ms: int) -> int:
    of_ticks_ms = int(LONGEST_BACK_OFF_TICKS * tick_ms)
    return LONGEST_BACK_OFF_MS if source.poll_every_ms else min(LONGEST_BACK_OFF_MS, of_ticks_ms)


def _settle(request: _Request, now_ms: int) -> list[Ticker]:
    try:
        tickers = request.future.result()
        request.poller.succeeded(tickers, request.asked_ms)
    except SourceUnavailable as error:
        request.poller.failed(error, now_ms)
        return []
    return tickers


def _settle_late(request: _Request, now_ms: int) -> list[Ticker]:
    try:
        tickers = request.future.result()
        request.poller.succeeded_late(tickers, request.asked_ms)
    except SourceUnavailable as error:
        request.poller.failed(error, now_ms, request.before)  # one request, one failure; now its reason is known
        return []
    return tickers


def _now_ms() -> int:
    return wall_ms()
