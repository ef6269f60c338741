"""The shape that all sources have, and one polite GET for each: time limits, errors, pace, back-off."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

import requests

from shared.values import Ticker
from shared.wire import loads

USER_AGENT = "cadfeed/0.1"
CONNECT_TIMEOUT_S = 2.0
MAX_BODY_BYTES = 8_000_000  # Binance's answer for all its markets is 1.3 MB
FIRST_BACK_OFF_MS = 1_000
LONGEST_BACK_OFF_MS = 60_000
BANNED_BACK_OFF_MS = 120_000  # 418, 451, 403: asking again soon makes it worse
LONGEST_RETRY_AFTER_MS = 3 * 86_400_000  # the longest ban that Binance names

# The exchange of the local stack says with this header that its market is simulated or replayed.
MARKET_HEADER = "X-Cadfeed-Market"


class SourceUnavailable(Exception):
    """An upstream gave no usable answer. `retry_after_ms` is how long it wants to be left alone, if it said so."""

    def __init__(self, reason: str, *, retry_after_ms: int | None = None) -> None:
        super().__init__(reason)
        self.retry_after_ms = retry_after_ms


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

    `params` gives the query of the next request, `parse` reads an answer (pure; raises `SourceUnavailable` for
    anything that is not what the upstream documents), `poll_every_ms` is its pace: 0 is every tick.
    """

    name: str
    base_url: str
    path: str
    params: Callable[[], Mapping[str, str]]
    parse: Callable[[Answer], list[Ticker]]
    poll_every_ms: int = 0
    on_error: Callable[[int, object], None] = field(default=lambda _status, _payload: None)


class Poller:
    """Asks one source at its pace, and leaves it alone for a growing while after each failure."""

    def __init__(self, source: Source, base_url: str) -> None:
        self.source = source
        self._url = base_url.rstrip("/") + source.path
        self._session = requests.Session()
        self._session.headers["User-Agent"] = USER_AGENT
        self._due_ms = 0
        self._failures = 0

    def due(self, now_ms: int) -> bool:
        return now_ms >= self._due_ms

    def poll(self, now_ms: int, timeout_s: float) -> list[Ticker]:
        """The source's tickers now, from one request.

        Raises:
            SourceUnavailable: no answer in time, an error status, or an answer that cannot be trusted.
        """
        try:
            tickers = self._parsed(self._get(now_ms, timeout_s))
        except SourceUnavailable as error:
            self._failures += 1
            back_off_ms = min(FIRST_BACK_OFF_MS * 2 ** (self._failures - 1), LONGEST_BACK_OFF_MS)
            self._due_ms = now_ms + max(back_off_ms, error.retry_after_ms or 0)
            raise
        self._failures = 0
        self._due_ms = now_ms + self.source.poll_every_ms
        return tickers

    def _parsed(self, answer: Answer) -> list[Ticker]:
        try:
            return self.source.parse(answer)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # A parser that stumbles costs its source's prices, never the tick.
            raise SourceUnavailable(f"the answer could not be read: {type(error).__name__}: {error!s:.80}") from error

    def _get(self, now_ms: int, timeout_s: float) -> Answer:
        try:
            with self._session.get(
                self._url,
                params=self.source.params(),
                timeout=(min(CONNECT_TIMEOUT_S, timeout_s), timeout_s),
                allow_redirects=False,
                stream=True,
            ) as response:
                body = b"".join(_at_most(MAX_BODY_BYTES, response.iter_content(65_536)))
        except requests.RequestException as error:
            raise SourceUnavailable(f"{type(error).__name__}: no whole answer") from error
        try:
            payload = loads(body)
        except (ValueError, RecursionError) as error:
            payload = None
            if response.ok:
                raise SourceUnavailable("the answer is not JSON") from error
        if not response.ok or response.is_redirect:
            self.source.on_error(response.status_code, payload)
            raise SourceUnavailable(f"HTTP {response.status_code}", retry_after_ms=_retry_after_ms(response, now_ms))
        return Answer(payload, now_ms, MARKET_HEADER in response.headers)


def _at_most(limit: int, chunks: Iterable[bytes]) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise SourceUnavailable(f"an answer of more than {limit} bytes")
        yield chunk


def _retry_after_ms(response: requests.Response, now_ms: int) -> int | None:
    """`Retry-After` in either of its forms (RFC 9110, 10.2.3); a ban without one is taken for two minutes."""
    banned = BANNED_BACK_OFF_MS if response.status_code in {403, 418, 451} else None
    value = response.headers.get("Retry-After", "").strip()
    try:
        seconds = int(value) if value.isdecimal() else parsedate_to_datetime(value).timestamp() - now_ms / 1000
    except (ValueError, OverflowError):
        return banned
    return min(max(0, int(seconds * 1000)), LONGEST_RETRY_AFTER_MS)
