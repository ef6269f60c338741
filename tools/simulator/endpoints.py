"""The path of each upstream, its handler, and its error bodies."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from multidict import MultiMapping

from tools.simulator import binance, coinbase, coingecko, kraken, ndax, rates
from tools.simulator.faults import Fault, Upstream
from tools.simulator.market import Market, Moment
from tools.simulator.request_limit import RequestLimit
from tools.simulator.response import Response


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a request matters: its query, the values in its path by their names, and the header `User-Agent`."""

    query: MultiMapping[str]
    in_path: Mapping[str, str]
    user_agent: str | None


Handler = Callable[[Asked, Moment, Fault], Response]

ERROR_BODIES: Mapping[Upstream, Callable[[int], str]] = {
    "binance": binance.error_of_status,
    "kraken": kraken.error_of_status,
    "coinbase": coinbase.error_of_status,
    "coingecko": coingecko.error_of_status,
    "ndax": ndax.error_of_status,
    "bank_of_canada": rates.valet_error_of_status,
    "er_api": rates.er_api_error_of_status,
}


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The upstreams of one market. Their limits of requests use the clock even if a fault freezes it."""

    market: Market
    binance_meter: binance.WeightMeter
    coinbase_limit: RequestLimit
    coingecko_limit: RequestLimit
    clock_ms: Callable[[], int]

    def routes(self) -> list[tuple[str, Upstream, Handler]]:
        """Return path, upstream and handler of every endpoint."""
        endpoints: dict[Upstream, dict[str, Handler]] = {
            "binance": {binance.PATH: self._binance},
            "kraken": {
                kraken.TICKER_PATH: partial(self._kraken, kraken.ticker_answer),
                kraken.PAIRS_PATH: partial(self._kraken, kraken.pairs_answer),
            },
            "coinbase": {
                coinbase.PRODUCTS_PATH: partial(self._coinbase, coinbase.products_answer),
                coinbase.ALL_STATS_PATH: partial(self._coinbase, coinbase.all_stats_answer),
                coinbase.TICKER_PATH: partial(self._coinbase_product, coinbase.ticker_answer),
                coinbase.STATS_PATH: partial(self._coinbase_product, coinbase.stats_answer),
            },
            "coingecko": {
                coingecko.PRICE_PATH: self._coingecko_price,
                coingecko.LIST_PATH: self._coingecko_list,
            },
            "ndax": {ndax.PATH: self._ndax},
            "bank_of_canada": {rates.VALET_PATH: self._valet},
            "er_api": {rates.ER_API_PATH: self._er_api},
        }
        return [(path, upstream, handle) for upstream, paths in endpoints.items() for path, handle in paths.items()]

    def find(self, path: str) -> tuple[Upstream, Handler, Mapping[str, str]]:
        """Return the upstream and the handler of a path, and the values in the path by their names.

        Raises:
            LookupError: no endpoint has such a path.
        """
        for template, upstream, handle in self.routes():
            if found := re.fullmatch(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", template), path):
                return upstream, handle, found.groupdict()
        raise LookupError(path)

    def _binance(self, asked: Asked, moment: Moment, fault: Fault) -> Response:
        return binance.answer(asked.query, self.market, moment, fault, self.binance_meter, self.clock_ms())

    def _kraken(self, answer: Callable[..., Response], asked: Asked, moment: Moment, fault: Fault) -> Response:
        return answer(asked.query, self.market, moment, fault)

    def _coinbase(self, answer: Callable[..., Response], asked: Asked, moment: Moment, fault: Fault) -> Response:
        refused = coinbase.refusal(asked.user_agent, self.coinbase_limit, self.clock_ms())
        return refused or answer(self.market, moment, fault)

    def _coinbase_product(
        self, answer: Callable[..., Response], asked: Asked, moment: Moment, fault: Fault
    ) -> Response:
        return self._coinbase(partial(answer, asked.in_path["product"]), asked, moment, fault)

    def _coingecko_price(self, asked: Asked, moment: Moment, fault: Fault) -> Response:
        refused = coingecko.refusal(self.coingecko_limit, self.clock_ms())
        return refused or coingecko.price_answer(asked.query, self.market, moment, fault)

    def _coingecko_list(self, asked: Asked, moment: Moment, fault: Fault) -> Response:  # noqa: ARG002
        refused = coingecko.refusal(self.coingecko_limit, self.clock_ms())
        return refused or coingecko.list_answer(self.market, moment, fault)

    def _ndax(self, asked: Asked, moment: Moment, fault: Fault) -> Response:  # noqa: ARG002
        return ndax.ticker_answer(self.market, moment, fault)

    def _valet(self, asked: Asked, moment: Moment, fault: Fault) -> Response:
        return rates.valet_answer(asked.in_path["series"], asked.query, self.market, moment, fault)

    def _er_api(self, asked: Asked, moment: Moment, fault: Fault) -> Response:
        return rates.er_api_answer(asked.in_path["base"], self.market, moment, fault)
