"""Asks one source for past candles: at its pace, again after a failure, and never before it allows it."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import random
from threading import Event, Lock

from shared.model.candles import INTERVAL_MS, Candle
from shared.model.values import SourceState
from shared.sources.circuit import SourceUnavailable, after_failure, after_success
from shared.sources.history import History, Wanted
from shared.sources.http_get import get, new_session

TIMEOUT_S = 10.0
LONGEST_BACK_OFF_MS = 30_000
GIVEN_UP_AFTER_MS = 600_000
EMPTY_PARTS = 2  # in a row: the market is younger. One may also be a time without trades


class GivenUp(Exception):
    """The source has failed for minutes, or asks for more time than the run has."""


class Stopped(Exception):
    """The run has to end."""


class HistoryAsker:
    """One source's history. Several threads may ask; each request waits for its turn."""

    def __init__(
        self,
        history: History,
        base_url: str | None = None,
        key: str | None = None,
        *,
        stop: Event,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        random: Callable[[], float] = random,
    ) -> None:
        self.history = history
        self._base_url = (base_url or history.base_url).rstrip("/")
        header = history.key_header(self._base_url) if history.key_header and key else None
        self._session = new_session({header: key} if header and key else {})
        self._stop = stop
        self._now_ms = now_ms
        self._lock = Lock()
        self._random = random
        self._paced_until_ms = 0
        self._failing_since_ms: int | None = None
        self._state = SourceState()

    def candles(self, wanted: Wanted) -> list[Candle]:
        """The candles that the source has, oldest first; none if it does not know the market.

        Raises:
            GivenUp: the source does not answer as it should.
            Stopped: the run has to end.
        """
        found: list[Candle] = []
        empty = 0
        for part in self._parts(wanted):
            older = self._ask(part)
            empty = 0 if older else empty + 1
            if empty == EMPTY_PARTS:
                break
            found = older + found
        return found

    def requests_for(self, wanted: Wanted) -> int:
        """How many requests these candles take."""
        return sum(1 for _ in self._parts(wanted))

    def _parts(self, wanted: Wanted) -> Iterator[Wanted]:
        """The requests that get all the candles within the source's reach, the newest first."""
        most = self.history.most.get(wanted.interval)
        if most is None:
            return
        length_ms = INTERVAL_MS[wanted.interval]
        reach = self.history.reach.get(wanted.interval)
        oldest_ms = self._now_ms() // length_ms * length_ms - (reach - 1) * length_ms if reach else 0
        from_ms, until_ms = max(wanted.from_ms, oldest_ms), wanted.until_ms
        while until_ms > from_ms:
            began_ms = max(from_ms, until_ms - most * length_ms)
            yield replace(wanted, from_ms=began_ms, until_ms=until_ms)
            until_ms = began_ms

    def _ask(self, wanted: Wanted) -> list[Candle]:
        while True:
            self._wait_for_turn()
            try:
                found = self._answer(wanted)
            except SourceUnavailable as error:
                if error.status is not None and self.history.is_unknown(error.status, error.payload):
                    return []
                self._failed(error)
            else:
                with self._lock:
                    self._state = after_success(self._state, self._now_ms())
                    self._failing_since_ms = None
                return found

    def _answer(self, wanted: Wanted) -> list[Candle]:
        """Raises: SourceUnavailable, when there is no answer that can be read."""
        url = self._base_url + self.history.path(wanted)
        params = self.history.params(wanted)
        answer = get(self._session, url, params, self._now_ms(), TIMEOUT_S, self.history.max_body_bytes)
        try:
            return self.history.parse(answer, wanted)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise SourceUnavailable(f"the answer could not be read: {type(error).__name__}") from error

    def _wait_for_turn(self) -> None:
        while True:
            with self._lock:
                now_ms, since_ms = self._now_ms(), self._failing_since_ms
                next_ms = max(self._paced_until_ms, self._state.retry_ms)
                if since_ms is not None and max(now_ms, next_ms) - since_ms > GIVEN_UP_AFTER_MS:
                    raise GivenUp(f"{self.history.name}: {self._state.error}")
                if next_ms <= now_ms:
                    self._paced_until_ms = now_ms + self.history.every_ms
                    return
            if self._stop.wait(min(next_ms - now_ms, 1_000) / 1000):
                raise Stopped

    def _failed(self, error: SourceUnavailable) -> None:
        """Let the source rest as its circuit says, which is the same as for its tickers."""
        with self._lock:
            now_ms = self._now_ms()
            if self._failing_since_ms is None:
                self._failing_since_ms = now_ms
            self._state = after_failure(self._state, error, now_ms, self._random, LONGEST_BACK_OFF_MS)
