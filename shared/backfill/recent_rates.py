"""The rates of the last day, hour by hour, for a feed that has not run for a day: the 24 h change needs them."""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from decimal import Decimal

from shared.model.candles import DAY_MS, INTERVAL_MS, Candle
from shared.sources import kraken_history
from shared.sources.history import Wanted
from shared.sources.http_get import get, new_session

HOUR_MS = INTERVAL_MS["1h"]
MARKETS = {"USD": "USDCAD", "USDT": "USDTCAD"}
TIMEOUT_S = 5.0

HourlyRates = tuple[tuple[int, Decimal], ...]


class RecentRates:
    """Asks Kraken for the hours of the last 25, in threads, so that no tick waits for them."""

    def __init__(self, base_url: str | None = None) -> None:
        self._history = kraken_history.history()
        self._base_url = (base_url or self._history.base_url).rstrip("/")
        self._threads = ThreadPoolExecutor(len(MARKETS), thread_name_prefix="past")
        self._asked: dict[str, Future[list[Candle]]] = {}

    def ask(self, now_ms: int) -> None:
        """Begin to ask, unless that is going on."""
        if not self._asked:
            self._asked = {name: self._threads.submit(self._get, market, now_ms) for name, market in MARKETS.items()}

    def answered(self, timeout_s: float) -> Mapping[str, HourlyRates]:
        """The rate at the beginning of each hour, by currency, once it is there; waits for at most that long."""
        wait(self._asked.values(), timeout_s)
        ended = {currency: future for currency, future in self._asked.items() if future.done()}
        self._asked = {currency: future for currency, future in self._asked.items() if currency not in ended}
        return {
            currency: tuple((candle.open_ms, candle.open) for candle in future.result())
            for currency, future in ended.items()
            if future.exception() is None
        }

    def _get(self, market: str, now_ms: int) -> list[Candle]:
        hour_ms = now_ms // HOUR_MS * HOUR_MS
        wanted = Wanted(market, "1h", hour_ms - DAY_MS - HOUR_MS, hour_ms + HOUR_MS)
        with new_session({}) as session:
            path, params = self._history.path(wanted), self._history.params(wanted)
            url, most_bytes = self._base_url + path, self._history.max_body_bytes
            return self._history.parse(get(session, url, params, now_ms, TIMEOUT_S, most_bytes), wanted)
