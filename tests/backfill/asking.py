"""A clock that passes while a run waits, and answers from a script instead of an exchange."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from threading import Event, Lock

import pytest
import requests

from shared.backfill import asker as module
from shared.backfill.asker import HistoryAsker
from shared.model.candles import INTERVAL_MS
from shared.sources.history import History
from shared.sources.http_get import Answer
from tests.samples import NOW_MS

HOUR_MS = INTERVAL_MS["1h"]


@dataclass
class _Clock:
    now_ms: int = NOW_MS
    requests: int = 0
    lock: Lock = field(default_factory=Lock)


class Waits(Event):
    """An event whose `wait` lets the clock pass: threads that wait at the same time wait for the same seconds.

    A request takes none of them, however long the machine needs for it.
    """

    def __init__(self, other: "Waits | None" = None) -> None:
        """`other` is an event on the same clock."""
        super().__init__()
        self._clock: _Clock = other._clock if other else _Clock()

    @property
    def now_ms(self) -> int:
        return self._clock.now_ms

    @now_ms.setter
    def now_ms(self, now_ms: int) -> None:
        self._clock.now_ms = now_ms

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Stop the clock for a request."""
        with self._clock.lock:
            self._clock.requests += 1
        try:
            yield
        finally:
            with self._clock.lock:
                self._clock.requests -= 1

    def wait(self, timeout: float | None = None) -> bool:
        until_ms = self.now_ms + round((timeout or 0) * 1000)
        time.sleep(0.001)  # for the other threads
        while self._clock.requests:
            time.sleep(0.001)
        self.now_ms = max(self.now_ms, until_ms)
        return self.is_set()


@dataclass
class Script:
    """Answers requests by a function of the URL and the parameters, and remembers when they came."""

    clock: Waits
    answer: Callable[[str, Mapping[str, str]], object]
    asked: list[tuple[int, str, Mapping[str, str]]] = field(default_factory=list)

    def get(
        self,
        _session: requests.Session,
        url: str,
        params: Mapping[str, str],
        now_ms: int,
        _timeout_s: float,
        _max_body_bytes: int,
    ) -> Answer:
        self.asked.append((self.clock.now_ms, url, params))
        return Answer(self.answer(url, params), now_ms, simulated=False)

    @property
    def gaps_ms(self) -> list[int]:
        times = [at for at, *_ in self.asked]
        return [later - before for before, later in pairwise(times)]


def scripted(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[str, Mapping[str, str]], object]
) -> tuple[Script, Waits]:
    clock = Waits()
    script = Script(clock, answer)
    monkeypatch.setattr(module, "get", script.get)
    return script, clock


def asker(history: History, clock: Waits) -> HistoryAsker:
    return HistoryAsker(history, "http://exchange", stop=clock, now_ms=lambda: clock.now_ms, random=lambda: 0.5)
