"""A recorded answer of Binance's `ticker/24hr`, served unchanged except for its times."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

from tools.simulator.market import (
    BinanceRow,
    CandleHistory,
    CannotStep,
    CoinHistory,
    CoinPrice,
    Moment,
    Origin,
    PairTicker,
    recorded_pair_names,
    recorded_pairs,
)
from tools.simulator.past_candles import NoCandles
from tools.simulator.recorded_candles import constant_rate


class RecordedTickers:
    """The rows of a recording with the given rate of USD/CAD.

    All times move by one constant, so that the newest `closeTime` is now. Prices, order, dead rows and the rows'
    relative ages stay. A live market counts one more trade each second: an exchange without movement is a frozen one.

    """

    origin = Origin.RECORDED

    def __init__(self, rows: Sequence[BinanceRow], usd_cad: Decimal, usd_cad_spread: Decimal, name: str) -> None:
        self._rows = rows
        self._newest_ms = max(int(row["closeTime"]) for row in rows)
        self._usd_cad = usd_cad
        self._usd_cad_spread = usd_cad_spread
        self._name = name
        self._began_ms: int | None = None

    @classmethod
    def load(cls, path: Path, usd_cad: Decimal, usd_cad_spread: Decimal = Decimal(0)) -> "RecordedTickers":
        """
        Raises:
            OSError: no such file.
            ValueError: it is not an answer of `ticker/24hr` for several symbols.
        """
        rows = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(rows, list) or not rows:
            raise ValueError("not a list of tickers")
        for row in rows:
            if not isinstance(row, dict) or not {"symbol", "openTime", "closeTime"} <= row.keys():
                raise ValueError("a row without symbol, openTime and closeTime")
        return cls(rows, usd_cad, usd_cad_spread, path.name)

    def moment(self, now_ms: int) -> Moment:
        if self._began_ms is None:
            self._began_ms = now_ms
        return Moment(now_ms, (now_ms - self._began_ms) // 1000)

    def step(self, unit: str, count: int) -> None:
        raise CannotStep(f"a recording does not move, so it refuses a step of {count} {unit}")

    def binance_rows(self, moment: Moment) -> list[BinanceRow]:
        later = moment.now_ms - self._newest_ms
        return [
            row
            | {
                "openTime": int(row["openTime"]) + later,
                "closeTime": int(row["closeTime"]) + later,
                "count": int(row["count"]) + (moment.index if row["count"] else 0),
            }
            for row in self._rows
        ]

    def trading_status(self, symbol: str) -> str | None:  # noqa: ARG002 - tickers do not tell it
        return None

    def pairs(self, source: str, moment: Moment) -> Mapping[str, PairTicker]:
        return recorded_pairs(source, self._usd_cad, self._usd_cad_spread, moment.now_ms)

    def coingecko_coins(self, moment: Moment) -> Mapping[str, CoinPrice]:  # noqa: ARG002 - none was recorded
        return {}

    def pair_names(self, source: str) -> Collection[str]:
        return recorded_pair_names(source)

    def candle_history(self, source: str, name: str) -> CandleHistory | None:
        """Return a constant past of Kraken's rate; tickers tell nothing of the past of Binance's markets."""
        if source == "binance":
            return NoCandles() if any(row["symbol"] == name for row in self._rows) else None
        return constant_rate(source, name, self._usd_cad)

    def coin_history(self, coin: str) -> CoinHistory | None:  # noqa: ARG002 - none was recorded
        return None

    def daily_usd_cad(self, day: date) -> Decimal:  # noqa: ARG002
        return self._usd_cad

    def describe(self, moment: Moment) -> dict[str, object]:
        return {
            "mode": "recording",
            "file": self._name,
            "rows": len(self._rows),
            "recorded_ms": self._newest_ms,
            "now_ms": moment.now_ms,
        }
