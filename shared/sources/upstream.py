"""The shape that all sources have, and one polite GET for each: time limits, errors, pace, what it said last."""

import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from random import random

import requests
from urllib3.exceptions import HTTPError

from shared.model.values import SourceState, Ticker
from shared.model.wire import loads
from shared.pricing.rules import judged
from shared.sources.circuit import (
    LONGEST_BACK_OFF_MS,
    LONGEST_RETRY_AFTER_MS,
    LONGEST_UNLIMITED_MS,
    SourceUnavailable,
    after_failure,
    after_late_answer,
    after_success,
    newer,
)

__all__ = ["Answer", "Poller", "Source", "SourceUnavailable", "read"]

USER_AGENT = "cadfeed/0.1"
CONNECT_TIMEOUT_S = 2.0
MAX_BODY_BYTES = 8_000_000  # Binance's answer for all its markets is 1.3 MB
DAY_MS = 86_400_000
BANNED = {403, 418, 451}
LIMITED = {418, 429}
TOO_MANY_REQUESTS = 429
FEWEST_TO_BE_FROZEN = 20
FROZEN_AFTER_MS = 60_000  # among so many markets something is traded every minute
PACE_SLACK_MS = 500  # a tick comes some milliseconds sooner or later: at 10 s, not at 15 s

# The exchange of the local stack says with this header that its market is simulated or replayed.
MARKET_HEADER = "X-Cadfeed-Market"


@dataclass(frozen=True, slots=True)
class Answer:
    """An upstream's answer: the JSON with exact decimals, when it came, whether the market is simulated."""

    payload: object
    received_ms: int
    simulated: bool


@dataclass(frozen=True, slots=True)
class Source:
    """An upstream of market data.

    `base_url` is where the public one lives; configuration may name another host that speaks the same API.

    `params` gives the query of the next request, `parse` reads an answer (raises `SourceUnavailable` for anything that
    is not what the upstream documents), `on_failure` hears of every request that gave no usable answer, with the error
    status and the body that came, if any. `headers` go with each request. `poll_every_ms` is its pace: 0 is every tick.
    `hold_ms` is how long an answer goes on serving the ticks after the one that asked: 0 is not at all. By the source's
    own times a price may be `max_age_ms` old, and the newest of an answer `newest_within_ms` (0: any).
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


def read(source: Source, answer: Answer) -> list[Ticker]:
    """All that the source says in an answer, judged by the rules that hold for all: those that are no price among them.

    Raises:
        SourceUnavailable: nothing in it is a price, or it is an old one.
    """
    try:
        rows = source.parse(answer)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # A parser that stumbles costs its source's prices, never the tick.
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
    """Asks one source at its pace, holds what it said, and leaves it alone for a growing while after each failure.

    `ask` runs in a thread and keeps no state but its connection's; what came of it is settled by who asked. Its times
    are of a clock that cannot go back; those of `state` are the wall's, `skew_ms` ahead of it.
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
        self._session = requests.Session()
        self._session.headers.update({"User-Agent": USER_AGENT, **source.headers})
        self._random = random
        self._longest_back_off_ms = longest_back_off_ms
        self._paced_until_ms = 0
        self._held: list[Ticker] = []
        self._held_until_ms = 0

    @property
    def state(self) -> SourceState:
        """As it is stored and told, by the wall clock."""
        return _moved(self._state, self.skew_ms)

    def due(self, now_ms: int) -> bool:
        return now_ms >= max(self._paced_until_ms, self._state.retry_ms)

    def held(self, now_ms: int) -> list[Ticker]:
        """What it last said, while that serves."""
        return self._held if now_ms < self._held_until_ms else []

    def resume(self, stored: SourceState, now_ms: int) -> None:
        """Take over what another invocation knows of the source, unless this one knows better. A rest that is longer
        than any is of a clock that was wrong."""
        taken = newer(_moved(stored, -self.skew_ms), self._state)
        if taken.retry_ms - now_ms > LONGEST_RETRY_AFTER_MS:
            taken = replace(taken, retry_ms=0)
        self._state = taken

    def succeeded(self, tickers: list[Ticker], asked_ms: int) -> None:
        """Take an answer in.

        Raises:
            SourceUnavailable: it says once more what the source said a minute ago, of every market.
        """
        self._check_moved(tickers, asked_ms)
        self._state = after_success(self._state, asked_ms)
        self._hold(tickers, asked_ms)

    def succeeded_late(self, tickers: list[Ticker], asked_ms: int) -> None:
        """After `failed` was told that there was no answer in time. Raises: as `succeeded`."""
        self._check_moved(tickers, asked_ms)
        self._state = after_late_answer(self._state, asked_ms)
        self._hold(tickers, asked_ms)

    def failed(self, error: SourceUnavailable, now_ms: int, before: SourceState | None = None) -> None:
        """`before` is the state from before the request, where that has been settled as overdue already."""
        known = self._state if before is None else _moved(before, -self.skew_ms)
        pace_ms = max(0, self.source.poll_every_ms - PACE_SLACK_MS)
        self._state = after_failure(known, error, now_ms, self._random, self._longest_back_off_ms, pace_ms)

    def ask(self, now_ms: int, timeout_s: float) -> list[Ticker]:
        """The source's tickers at that time of the wall clock, from one request: judged, those that are no price among
        them.

        Raises:
            SourceUnavailable: no answer in time, an error status, or an answer that cannot be trusted.
        """
        try:
            return read(self.source, self._get(now_ms, timeout_s))
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

    def _get(self, now_ms: int, timeout_s: float) -> Answer:
        end_s = time.monotonic() + timeout_s
        try:
            with self._session.get(
                self._url,
                params=self.source.params(),
                timeout=(min(CONNECT_TIMEOUT_S, timeout_s), timeout_s),
                allow_redirects=False,
                stream=True,
            ) as response:
                body = b"".join(_body(response, end_s))
        except (requests.RequestException, HTTPError) as error:
            raise SourceUnavailable(f"{type(error).__name__}: no whole answer") from error
        well = response.ok and not response.is_redirect
        try:
            payload = loads(body)
        except (ValueError, RecursionError) as error:
            payload = None
            if well:
                raise SourceUnavailable("the answer is not JSON") from error
        if not well:
            raise SourceUnavailable(
                f"HTTP {response.status_code}",
                status=response.status_code,
                payload=payload,
                retry_after_ms=_retry_after_ms(response, now_ms),
                banned=response.status_code in BANNED,
                limited=response.status_code == TOO_MANY_REQUESTS,
            )
        return Answer(payload, now_ms, MARKET_HEADER in response.headers)


def _fingerprint(tickers: list[Ticker]) -> int:
    """A number for all that was said of prices and trades, whatever the times."""
    said = [(t.market, t.bid, t.ask, t.last, t.activity_24h) for t in tickers]
    return zlib.crc32(repr(sorted(said)).encode())


def _moved(state: SourceState, by_ms: int) -> SourceState:
    """The state with its times moved to another clock; 0 stands for never."""
    if not by_ms:
        return state
    times = {name: at + by_ms for name in ("ok_ms", "retry_ms", "moved_ms") if (at := getattr(state, name))}
    return replace(state, **times)


def _body(response: requests.Response, end_s: float) -> Iterator[bytes]:
    """What comes of the body, until it is whole, too long, or too late: `timeout` only limits each silence."""
    size = 0
    while chunk := response.raw.read1(65_536, decode_content=True):
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise SourceUnavailable(f"an answer of more than {MAX_BODY_BYTES} bytes")
        yield chunk
        if time.monotonic() > end_s:
            raise SourceUnavailable("too slow: no whole answer")


def _retry_after_ms(response: requests.Response, now_ms: int) -> int | None:
    """`Retry-After` in either of its forms (RFC 9110, 10.2.3), `None` where there is no such time."""
    value = response.headers.get("Retry-After", "").strip()
    try:
        seconds = int(value) if value.isdecimal() else parsedate_to_datetime(value).timestamp() - now_ms / 1000
    except (ValueError, OverflowError):
        return None
    longest_ms = LONGEST_RETRY_AFTER_MS if response.status_code in LIMITED else LONGEST_UNLIMITED_MS
    return min(max(0, int(seconds * 1000)), longest_ms)
