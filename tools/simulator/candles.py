"""A replay of one-minute candles: a market that moves as recorded, at a chosen speed."""

import csv
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from tools.simulator.market import (
    MINUTE_MS,
    BinanceRow,
    CandleHistory,
    CannotStep,
    CoinHistory,
    CoinPrice,
    DayOfTrading,
    Moment,
    Origin,
    PairTicker,
    binance_row,
    recorded_pair_names,
    recorded_pairs,
)
from tools.simulator.recorded_candles import RecordedCandles, constant_rate

LOOK_BACK = 1_440
COLUMNS = ["symbol", "open_time_ms", "open", "high", "low", "close", "base_volume"]


@dataclass(frozen=True, slots=True)
class Candles:
    """The candles of one symbol, one per minute without a gap. `tick` is one unit of its last decimal place.

    `prices` are open, high, low and close as the file writes them.
    """

    tick: Decimal
    high: Sequence[Decimal]
    low: Sequence[Decimal]
    close: Sequence[Decimal]
    volume: Sequence[Decimal]
    prices: Sequence[tuple[str, str, str, str]]


class CandleReplay:
    """The file's minutes in turn. The first 24 h serve only as history: the replay starts at minute 1,440 of the file.

    In minute m the newest closed candle is number m, so `lastPrice` is its close and `openPrice` the close of
    candle m - 1440; high, low and volume are over the 1,440 candles up to m. The book is as wide as
    `spread_ticks` says, in units of the symbol's last decimal place in the file: bid = last, ask = last + that.
    Rows state the wall clock as their time. At the end of the file prices stop.

    Its klines are the file's rows up to minute m, with their text unchanged. Minute m is the present one: it opened at
    the full minute of the first read, plus as many minutes as the clock has made since then, and each row before it a
    minute earlier. So with speed 1, and without steps, the time of a row never changes. With any other speed, after a
    step and at the end of the file, the rows behind the present one move along with it: a minute of the file is always
    a minute of time. Hours and days are made of these minutes; the oldest that the file does not cover is left out.
    """

    origin = Origin.RECORDED

    def __init__(
        self,
        candles: Mapping[str, Candles],
        first_open_ms: int,
        *,
        usd_cad: Decimal,
        usd_cad_spread: Decimal = Decimal(0),
        speed: Decimal = Decimal(60),
        start: datetime | None = None,
        spread_ticks: int = 1,
        name: str = "",
    ) -> None:
        """Replay at `speed` minutes of the file per minute of the clock (0: stand still), from the time `start`.

        Raises:
            ValueError: the file is too short, or `start` outside of what it can replay.
        """
        self._candles = candles
        self._first_open_ms = first_open_ms
        self._end = min(len(symbol.close) for symbol in candles.values()) - 1
        if self._end < LOOK_BACK:
            raise ValueError(f"{self._end + 1} minutes are too few: the first {LOOK_BACK} serve only as history")
        self._usd_cad = usd_cad
        self._usd_cad_spread = usd_cad_spread
        self._speed = speed
        self._spread_ticks = spread_ticks
        self._name = name
        self._start = LOOK_BACK if start is None else self._minute_closed_at(start)
        self._stepped = 0
        self._began_ms: int | None = None
        self._cached: tuple[int, list[DayOfTrading]] = (-1, [])

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        usd_cad: Decimal,
        usd_cad_spread: Decimal = Decimal(0),
        speed: Decimal = Decimal(60),
        start: datetime | None = None,
        spread_ticks: int = 1,
    ) -> "CandleReplay":
        """
        Raises:
            OSError: no such file.
            ValueError: other columns, a gap, or symbols that start at different times.
        """
        candles, first_open_ms = read_candles(path)
        return cls(
            candles,
            first_open_ms,
            usd_cad=usd_cad,
            usd_cad_spread=usd_cad_spread,
            speed=speed,
            start=start,
            spread_ticks=spread_ticks,
            name=path.name,
        )

    def moment(self, now_ms: int) -> Moment:
        # The replay begins at its first read, not when the file was loaded.
        if self._began_ms is None:
            self._began_ms = now_ms
        elapsed = int(Decimal(now_ms - self._began_ms) * self._speed // MINUTE_MS)
        return Moment(now_ms, min(self._end, self._start + self._stepped + elapsed))

    def step(self, unit: str, count: int) -> None:
        if unit != "minutes":
            raise CannotStep("candles move by minutes")
        self._stepped += count

    def binance_rows(self, moment: Moment) -> list[BinanceRow]:
        if self._cached[0] != moment.index:
            days = [self._day(symbol, candles, moment.index) for symbol, candles in self._candles.items()]
            self._cached = (moment.index, days)
        times: BinanceRow = {"openTime": moment.now_ms - LOOK_BACK * MINUTE_MS, "closeTime": moment.now_ms}
        return [binance_row(day) | times for day in self._cached[1]]

    def trading_status(self, symbol: str) -> str | None:
        return "TRADING" if symbol in self._candles else None

    def pairs(self, source: str, moment: Moment) -> Mapping[str, PairTicker]:
        return recorded_pairs(source, self._usd_cad, self._usd_cad_spread, moment.now_ms)

    def coingecko_coins(self, moment: Moment) -> Mapping[str, CoinPrice]:  # noqa: ARG002 - none was recorded
        return {}

    def pair_names(self, source: str) -> Collection[str]:
        return recorded_pair_names(source)

    def candle_history(self, source: str, name: str) -> CandleHistory | None:
        """Return the file's candles of a symbol, or the constant past of Kraken's rate."""
        if source != "binance":
            return constant_rate(source, name, self._usd_cad)
        if name not in self._candles:
            return None
        candles = self._candles[name]
        return RecordedCandles(candles.prices, candles.volume, self._present_ms)

    def coin_history(self, coin: str) -> CoinHistory | None:  # noqa: ARG002 - none was recorded
        return None

    def daily_usd_cad(self, day: date) -> Decimal:  # noqa: ARG002
        return self._usd_cad

    def describe(self, moment: Moment) -> dict[str, object]:
        open_ms = self._first_open_ms + moment.index * MINUTE_MS
        return {
            "mode": "candles",
            "file": self._name,
            "symbols": len(self._candles),
            "speed": f"{self._speed:f}",
            "minute": moment.index,
            "minute_open_ms": open_ms,
            "minute_open": datetime.fromtimestamp(open_ms // 1000, UTC).isoformat(),
            "first_minute": LOOK_BACK,
            "last_minute": self._end,
            "ended": moment.index == self._end,
            "now_ms": moment.now_ms,
        }

    def _present_ms(self, moment: Moment) -> int:
        """Return when the present minute of the replay opened by the clock."""
        began_ms = moment.clock.now_ms if self._began_ms is None else self._began_ms
        return (began_ms // MINUTE_MS + (moment.clock.now_ms - began_ms) // MINUTE_MS) * MINUTE_MS

    def _minute_closed_at(self, start: datetime) -> int:
        minute = (int(start.timestamp()) * 1000 - self._first_open_ms) // MINUTE_MS - 1
        if not LOOK_BACK <= minute <= self._end:
            first, last = (
                datetime.fromtimestamp((self._first_open_ms + (at + 1) * MINUTE_MS) // 1000, UTC).isoformat()
                for at in (LOOK_BACK, self._end)
            )
            raise ValueError(f"a replay of this file can start from {first} to {last}")
        return minute

    def _day(self, symbol: str, candles: Candles, minute: int) -> DayOfTrading:
        window = slice(minute - LOOK_BACK + 1, minute + 1)
        last = candles.close[minute]
        volumes = candles.volume[window]
        turnover = sum((c * v for c, v in zip(candles.close[window], volumes, strict=True)), Decimal(0))
        return DayOfTrading(
            symbol=symbol,
            last=last,
            open=candles.close[minute - LOOK_BACK],
            high=max(candles.high[window]),
            low=min(candles.low[window]),
            bid=last,
            ask=last + self._spread_ticks * candles.tick,
            quantity=candles.volume[minute],
            volume=sum(volumes, Decimal(0)),
            turnover=turnover,
            close_ms=0,
            # Candles do not count trades: each minute counts as one.
            first_id=minute - LOOK_BACK + 1,
            last_id=minute,
            count=LOOK_BACK,
        )


def read_candles(path: Path) -> tuple[dict[str, Candles], int]:
    """Return the candles by symbol, and the time at which the first of each opened (Unix ms).

    Raises:
        OSError: no such file.
        ValueError: other columns, a gap, or symbols that start at different times.
    """
    lines: dict[str, list[list[str]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        if next(reader, None) != COLUMNS:
            raise ValueError(f"not a file of candles: its first line is not {','.join(COLUMNS)}")
        for line in reader:
            lines.setdefault(line[0], []).append(line)
    if not lines:
        raise ValueError("no candles")
    first_open_ms = int(next(iter(lines.values()))[0][1])
    for symbol, rows in lines.items():
        if any(int(row[1]) != first_open_ms + at * MINUTE_MS for at, row in enumerate(rows)):
            raise ValueError(f"{symbol} is not one candle per minute from {first_open_ms} on")
    return {symbol: _candles(rows) for symbol, rows in lines.items()}, first_open_ms


def _candles(rows: Sequence[Sequence[str]]) -> Candles:
    places = max(len(text.partition(".")[2].rstrip("0")) for row in rows for text in row[2:6])
    high, low, close, volume = (tuple(Decimal(row[column]) for row in rows) for column in (3, 4, 5, 6))
    prices = [(row[2], row[3], row[4], row[5]) for row in rows]
    return Candles(Decimal(1).scaleb(-places), high, low, close, volume, prices)
