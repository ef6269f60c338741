"""All sources asked at once, one request each, within one time limit."""

import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from shared.sources import bank_of_canada, binance, er_api, kraken
from shared.sources.upstream import Poller, SourceUnavailable
from shared.values import SourceState, Ticker

SOURCES = (binance.source, kraken.source, bank_of_canada.source, er_api.source)


@dataclass(frozen=True, slots=True)
class Polled:
    """What one round of requests brought: tickers, and the state of each source that was asked."""

    tickers: list[Ticker]
    states: Mapping[str, SourceState]


class AllSources:
    """Keeps connections and pace from tick to tick. `base_urls` may name another host per source."""

    def __init__(self, base_urls: Mapping[str, str]) -> None:
        made = [make() for make in SOURCES]
        self._pollers = [Poller(source, base_urls.get(source.name, source.base_url)) for source in made]
        self._threads = ThreadPoolExecutor(len(made), thread_name_prefix="source")
        self._asked: dict[Future[list[Ticker]], Poller] = {}

    def poll(self, timeout_s: float) -> Polled:
        """The tickers of every source that is due and answers in time. The others are reported, never waited for:
        an answer that comes later counts for the next tick."""
        now_ms = time.time_ns() // 1_000_000
        busy = set(self._asked.values())
        for poller in self._pollers:
            if poller not in busy and poller.due(now_ms):
                self._asked[self._threads.submit(poller.poll, now_ms, timeout_s)] = poller
        wait(self._asked, timeout=timeout_s)
        tickers: list[Ticker] = []
        states: dict[str, SourceState] = {}
        for asked, poller in list(self._asked.items()):
            name = poller.source.name
            if not asked.done():
                states[name] = SourceState(error=f"no answer in {timeout_s:g} s")
                continue
            del self._asked[asked]
            try:
                tickers += asked.result()
                states[name] = SourceState(ok_ms=now_ms)
            except SourceUnavailable as error:
                states[name] = SourceState(error=str(error))
        return Polled(tickers, states)
