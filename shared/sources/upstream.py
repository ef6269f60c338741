"""What all sources share: their description, and a poller that asks at their pace and stores their answers."""

import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from random import random

from urllib3.exceptions import HTTPError

from shared.model.values import SourceState, Ticker
from shared.pricing.rules import judged
from shared.sources.circuit import (
    LONGEST_BACK_OFF_MS,
    SourceUnavailable,
    after_failure,
    after_late_answer,
    after_success,
    newer,
    resumed,
)
from shared.sources.http_get import Answer, connect, get, new_session

__all__ = ["Answer", "Plan", "Poller", "Source", "SourceUnavailable", "read"]

DAY_MS = 86_400_000
FEWEST_TO_BE_FROZEN = 20
FROZEN_AFTER_MS = 60_000  # in 20 markets or more there is a trade every minute
MAX_BODY_BYTES = 100_000
PACE_SLACK_MS = 500  # ticks jitter by milliseconds: a pace of 10 s must not become 15 s


@dataclass(frozen=True, slots=True)
class Plan:
    """What a key gives at a source: the header for the key, and the pace at which the source may be asked."""

    header: str
    poll_every_ms: int


@dataclass(frozen=True, slots=True)
class Source:
    """A source of market data.

    `base_url` is its public address; a setting may name another host with the same API. `params` returns the query of
    the next request. `parse` reads an answer and raises `SourceUnavailable` if it is not as documented. `on_failure` is
    called after every request without a usable answer, with the error status and the body, if any. `headers` go with
    each request.

    `max_body_bytes` is the longest answer that is read: what the source really sends, and some room.

    `poll_every_ms` is the pace (0: every tick). `hold_ms` is how long an answer serves later ticks (0: not at all). By
    the source's own times, a price may be `max_age_ms` old, and the newest of an answer `newest_within_ms` (0: any
    age). `plan` returns the plan of a key for a base URL, if the source takes a key.

    Its settings follow from it (`settings.py`): `<name>_base_url`, with a pace `<name>_poll_seconds`, with a plan
    `<name>_key_parameter`.
    """

    name: str
    base_url: str
    path: str
    params: Callable[[], Mapping[str, str]]
    parse: Callable[[Answer], list[Ticker]]
    poll_every_ms: int = 0
    hold_ms: int = 0
    max_age_ms: int = DAY_MS
    newest_within_ms: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    on_failure: Callable[[int | None, object], None] = field(default=lambda _status, _payload: None)
    plan: Callable[[str], Plan] | None = None
    max_body_bytes: int = MAX_BODY_BYTES

    def at_pace(self, poll_every_ms: int) -> "Source":
        """The source at another pace. Its answers serve for as many requests as before."""
        if not self.poll_every_ms:
            return self
        return replace(self, poll_every_ms=poll_every_ms, hold_ms=self.hold_ms * poll_every_ms // self.poll_every_ms)

    def with_key(self, key: str, base_url: str) -> "Source":
        """The source with a key, at the pace of the key's plan."""
        if not self.plan:
            return self
        plan = self.plan(base_url)
        return replace(self.at_pace(plan.poll_every_ms), headers={**self.headers, plan.header: key})


def read(source: Source, answer: Answer) -> list[Ticker]:
    """The tickers in an answer, judged by the rules for all sources. Refused tickers are included.

    Raises:
        SourceUnavailable: the answer cannot be read, has no price, or is too old.
    """
    try:
        rows = source.parse(answer)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # An error in a parser costs its source's prices, never the tick.
        raise SourceUnavailable(f"the answer could not be read: {type(error).__name__}: {error!s:.80}") from error
    tickers = [judged(ticker, answer.received_ms, source.max_age_ms) for ticker in rows]
    usable = [ticker for ticker in tickers if not ticker.refused]
    if not usable:
        raise SourceUnavailable("no live market in the answer")
    newest_ms = max(ticker.ts_ms for ticker in usable)
    if source.newest_within_ms and answer.received_ms - newest_ms > source.newest_within_ms:
        raise SourceUnavailable("its clock stands still")
    return tickers


class Poller:
    """Asks one source at its pace, stores its answer, and backs off longer after each failure.

    `ask` runs in a thread and changes no state but the HTTP connection; the caller passes the result to `succeeded` or
    `failed`. Times are by a clock that cannot go back, but those of `state` by the wall clock, which is `skew_ms`
    ahead.
    """

    def __init__(
        self,
        source: Source,
        base_url: str,
        random: Callable[[], float] = random,
        longest_back_off_ms: int = LONGEST_BACK_OFF_MS,
    ) -> None:
        self.source = source
        self.skew_ms = 0
        self._state = SourceState()
        self._url = base_url.rstrip("/") + source.path
        self._session = new_session(source.headers)
        self._random = random
        self._longest_back_off_ms = longest_back_off_ms
        self._paced_until_ms = 0
        self._held: list[Ticker] = []
        self._held_until_ms = 0

    @property
    def state(self) -> SourceState:
        """The state to store, with times by the wall clock."""
        return _moved(self._state, self.skew_ms)

    def due(self, now_ms: int) -> bool:
        return now_ms >= max(self._paced_until_ms, self._state.retry_ms)

    def held(self, now_ms: int) -> list[Ticker]:
        """The last answer, while it serves."""
        return self._held if now_ms < self._held_until_ms else []

    def resume(self, stored: SourceState, now_ms: int) -> None:
        """Take over the state that another invocation stored, unless this one's is newer."""
        self._state = newer(resumed(_moved(stored, -self.skew_ms), now_ms), self._state)

    def succeeded(self, tickers: list[Ticker], asked_ms: int) -> None:
        """Store an answer that came in time.

        Raises:
            SourceUnavailable: no market has changed for over a minute.
        """
        self._check_moved(tickers, asked_ms)
        self._state = after_success(self._state, asked_ms)
        self._hold(tickers, asked_ms)

    def succeeded_late(self, tickers: list[Ticker], asked_ms: int) -> None:
        """Store an answer that came after its request was reported as failed.

        Raises:
            SourceUnavailable: no market has changed for over a minute.
        """
        self._check_moved(tickers, asked_ms)
        self._state = after_late_answer(self._state, asked_ms)
        self._hold(tickers, asked_ms)

    def failed(self, error: SourceUnavailable, now_ms: int, before: SourceState | None = None) -> None:
        """Store a failure. `before` is the state before the request, if that was already reported as overdue."""
        known = self._state if before is None else _moved(before, -self.skew_ms)
        pace_ms = max(0, self.source.poll_every_ms - PACE_SLACK_MS)
        self._state = after_failure(known, error, now_ms, self._random, self._longest_back_off_ms, pace_ms)

    def connect(self, timeout_s: float) -> None:
        """Open a connection for the next request, if that is possible in time."""
        with suppress(OSError, HTTPError):
            connect(self._session, self._url, timeout_s)

    def ask(self, now_ms: int, timeout_s: float) -> list[Ticker]:
        """The source's tickers from one request, judged; refused ones are included. `now_ms` is by the wall clock.

        Raises:
            SourceUnavailable: no answer in time, an error status, or an answer that cannot be trusted.
        """
        try:
            params = self.source.params()
            answer = get(self._session, self._url, params, now_ms, timeout_s, self.source.max_body_bytes)
            return read(self.source, answer)
        except SourceUnavailable as error:
            self.source.on_failure(error.status, error.payload)
            raise

    def _check_moved(self, tickers: list[Ticker], asked_ms: int) -> None:
        if len(tickers) < FEWEST_TO_BE_FROZEN:
            return
        fingerprint = _fingerprint(tickers)
        if fingerprint != self._state.fingerprint:
            self._state = replace(self._state, fingerprint=fingerprint, moved_ms=asked_ms)
        elif asked_ms - self._state.moved_ms > FROZEN_AFTER_MS + 2 * self.source.poll_every_ms:
            raise SourceUnavailable(f"nothing has moved in {len(tickers)} markets: the answer is an old one")

    def _hold(self, tickers: list[Ticker], asked_ms: int) -> None:
        self._paced_until_ms = asked_ms + max(0, self.source.poll_every_ms - PACE_SLACK_MS)
        self._held, self._held_until_ms = tickers, asked_ms + self.source.hold_ms


def _fingerprint(tickers: list[Ticker]) -> int:
    """A hash of all prices and trades in an answer, without the times."""
    said = [(t.market, t.bid, t.ask, t.last, t.activity_24h) for t in tickers]
    return zlib.crc32(repr(sorted(said)).encode())


def _moved(state: SourceState, by_ms: int) -> SourceState:
    """The state with its times moved to another clock; 0 means never and stays."""
    if not by_ms:
        return state
    times = {name: at + by_ms for name in ("ok_ms", "retry_ms", "moved_ms") if (at := getattr(state, name))}
    return replace(state, **times)
