"""What a US dollar and a Tether were worth in CAD, fetched once for each interval."""

from collections.abc import Mapping
from decimal import Decimal
from threading import Lock

from shared.backfill.asker import HistoryAsker
from shared.model.candles import INTERVAL_MS, Candle
from shared.pricing.past import CARRIED_MS, PastRate, crossed
from shared.sources.history import Wanted

USD_CAD, USDT_CAD, USDT_USD = "USDCAD", "USDTCAD", "USDTUSD"  # at Kraken
BANK = "FXUSDCAD"
ONE = Decimal(1)


class PastRates:
    """The rates that candles up to `until_ms` are converted with; `depth_ms` is how far back, by interval."""

    def __init__(self, askers: Mapping[str, HistoryAsker], until_ms: int, depth_ms: Mapping[str, int]) -> None:
        self._kraken = askers["kraken"]
        self._bank = askers["bank_of_canada"]
        self._until_ms = until_ms
        self._depth_ms = depth_ms
        self._locks = {interval: Lock() for interval in (*INTERVAL_MS, BANK)}
        self._fetched: dict[str, dict[str, list[Candle]]] = {}
        self._by_currency: dict[tuple[str, str], PastRate] = {}

    def at(self, currency: str, interval: str, open_ms: int) -> Candle | None:
        """The rate's candle for a candle of that interval; `None` if it is not known.

        Raises:
            GivenUp: Kraken or the Bank of Canada does not answer.
            Stopped: the run has to end.
        """
        if currency == "CAD":
            return Candle(open_ms, ONE, ONE, ONE, ONE)
        return self._of(currency, interval).at(interval, open_ms)

    def _of(self, currency: str, interval: str) -> PastRate:
        known = self._by_currency.get((currency, interval))
        if known is None:
            if interval == "1m":
                known = PastRate({interval: self._candles(interval)[currency]})
            else:
                known = PastRate({name: self._candles(name)[currency] for name in (interval, "1d")}, self._published)
            self._by_currency[currency, interval] = known
        return known

    def _candles(self, interval: str) -> dict[str, list[Candle]]:
        """The candles of both rates at Kraken. A Tether without a market in CAD is worth what it is in US dollars."""
        with self._locks[interval]:
            if interval not in self._fetched:
                dollar, tether = self._ask(USD_CAD, interval), self._ask(USDT_CAD, interval)
                self._fetched[interval] = {
                    "USD": dollar,
                    "USDT": tether or crossed(self._ask(USDT_USD, interval), dollar) or dollar,
                }
            return self._fetched[interval]

    def _published(self) -> list[Candle]:
        with self._locks[BANK]:
            if BANK not in self._fetched:
                wanted = Wanted(BANK, "1d", self._from_ms("1d"), self._end_ms("1d"))
                self._fetched[BANK] = {BANK: self._bank.candles(wanted)}
            return self._fetched[BANK][BANK]

    def _ask(self, market: str, interval: str) -> list[Candle]:
        return self._kraken.candles(Wanted(market, interval, self._from_ms(interval), self._end_ms(interval)))

    def _from_ms(self, interval: str) -> int:
        """Earlier than the first candle by as long as a rate without a trade counts."""
        length_ms = INTERVAL_MS[interval]
        return (self._until_ms - self._depth_ms[interval] - CARRIED_MS[interval]) // length_ms * length_ms

    def _end_ms(self, interval: str) -> int:
        length_ms = INTERVAL_MS[interval]
        return -(-self._until_ms // length_ms) * length_ms
