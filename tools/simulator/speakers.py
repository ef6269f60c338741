"""Which upstream answers at which path, and with which body it fails."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from tools.simulator import binance, coinbase, coingecko, kraken, ndax, rates
from tools.simulator.answer import Answer
from tools.simulator.faults import Fault, Upstream
from tools.simulator.market import Market, Moment
from tools.simulator.request_limit import RequestLimit

Speaker = Callable[[web.Request, Moment, Fault], Answer]

ERROR_BODIES: Mapping[Upstream, Callable[[int], str]] = {
    Upstream.BINANCE: binance.error_of_status,
    Upstream.KRAKEN: kraken.error_of_status,
    Upstream.COINBASE: coinbase.error_of_status,
    Upstream.COINGECKO: coingecko.error_of_status,
    Upstream.NDAX: ndax.error_of_status,
    Upstream.BANK_OF_CANADA: rates.valet_error_of_status,
    Upstream.ER_API: rates.er_api_error_of_status,
}


@dataclass(frozen=True, slots=True)
class Speakers:
    """The upstreams of one market, with their limits of requests, which count by the clock whatever is frozen."""

    market: Market
    binance_meter: binance.WeightMeter
    coinbase_limit: RequestLimit
    coingecko_limit: RequestLimit
    clock_ms: Callable[[], int]

    def routes(self) -> list[tuple[str, Upstream, Speaker]]:
        """Path, upstream and speaker of every endpoint."""
        endpoints: dict[Upstream, dict[str, Speaker]] = {
            Upstream.BINANCE: {binance.PATH: self._binance},
            Upstream.KRAKEN: {
                kraken.TICKER_PATH: partial(self._kraken, kraken.ticker_answer),
                kraken.PAIRS_PATH: partial(self._kraken, kraken.pairs_answer),
            },
            Upstream.COINBASE: {
                coinbase.PRODUCTS_PATH: partial(self._coinbase, coinbase.products_answer),
                coinbase.ALL_STATS_PATH: partial(self._coinbase, coinbase.all_stats_answer),
                coinbase.TICKER_PATH: partial(self._coinbase_product, coinbase.ticker_answer),
                coinbase.STATS_PATH: partial(self._coinbase_product, coinbase.stats_answer),
            },
            Upstream.COINGECKO: {
                coingecko.PRICE_PATH: self._coingecko_price,
                coingecko.LIST_PATH: self._coingecko_list,
            },
            Upstream.NDAX: {ndax.PATH: self._ndax},
            Upstream.BANK_OF_CANADA: {rates.VALET_PATH: self._valet},
            Upstream.ER_API: {rates.ER_API_PATH: self._er_api},
        }
        return [(path, upstream, speak) for upstream, paths in endpoints.items() for path, speak in paths.items()]

    def _binance(self, request: web.Request, moment: Moment, fault: Fault) -> Answer:
        return binance.answer(request.query, self.market, moment, fault, self.binance_meter, self.clock_ms())

    def _kraken(self, speak: Callable[..., Answer], request: web.Request, moment: Moment, fault: Fault) -> Answer:
        return speak(request.query, self.market, moment, fault)

    def _coinbase(self, speak: Callable[..., Answer], request: web.Request, moment: Moment, fault: Fault) -> Answer:
        refused = coinbase.refusal(request.headers.get("User-Agent"), self.coinbase_limit, self.clock_ms())
        return refused or speak(self.market, moment, fault)

    def _coinbase_product(
        self, speak: Callable[..., Answer], request: web.Request, moment: Moment, fault: Fault
    ) -> Answer:
        return self._coinbase(partial(speak, request.match_info["product"]), request, moment, fault)

    def _coingecko_price(self, request: web.Request, moment: Moment, fault: Fault) -> Answer:
        refused = coingecko.refusal(self.coingecko_limit, self.clock_ms())
        return refused or coingecko.price_answer(request.query, self.market, moment, fault)

    def _coingecko_list(self, request: web.Request, moment: Moment, fault: Fault) -> Answer:  # noqa: ARG002
        refused = coingecko.refusal(self.coingecko_limit, self.clock_ms())
        return refused or coingecko.list_answer(self.market, moment, fault)

    def _ndax(self, request: web.Request, moment: Moment, fault: Fault) -> Answer:  # noqa: ARG002
        return ndax.ticker_answer(self.market, moment, fault)

    def _valet(self, request: web.Request, moment: Moment, fault: Fault) -> Answer:
        return rates.valet_answer(request.match_info["series"], request.query, self.market, moment, fault)

    def _er_api(self, request: web.Request, moment: Moment, fault: Fault) -> Answer:
        return rates.er_api_answer(request.match_info["base"], self.market, moment, fault)
