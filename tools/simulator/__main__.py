"""Start the exchange on this machine: `python -m tools.simulator --port 8010`."""

import argparse
import asyncio
import json
import signal
import sys
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TypeVar

from tools.simulator.binance import WEIGHT_LIMIT
from tools.simulator.candles import CandleReplay
from tools.simulator.coinbase import LIMIT_PER_S as COINBASE_LIMIT
from tools.simulator.coingecko import LIMIT_PER_MINUTE as COINGECKO_LIMIT
from tools.simulator.faults import BadFault, Fault, Upstream, parse_faults
from tools.simulator.kraken_ohlc import GAP_MS as KRAKEN_OHLC_GAP_MS
from tools.simulator.market import Market
from tools.simulator.recorded import RecordedTickers
from tools.simulator.server import Exchange
from tools.simulator.simulated import SimulatedMarket

EXPLAINED = """Serves Binance, Kraken, Coinbase, CoinGecko, NDAX, Bank of Canada and open.er-api.com under one address:
point the feed's base URLs at it. Without --recording or --candles its market is simulated. Every answer says so in the
header X-Cadfeed-Market."""


def main() -> int:
    """Serve until interrupted. Return 0 then, or 1 if it could not start."""
    parser = _parser()
    arguments = parser.parse_args()
    market = _market(parser, arguments)
    faults: dict[Upstream, Fault] = {}
    for described in arguments.fault:
        faults |= described
    exchange = Exchange(
        market,
        arguments.port,
        faults=faults,
        weight_limit=arguments.weight_limit,
        coinbase_limit=arguments.coinbase_limit,
        coingecko_limit=arguments.coingecko_limit,
        kraken_ohlc_gap_ms=arguments.kraken_ohlc_gap_ms,
    )
    try:
        asyncio.run(_serve(exchange))
    except OSError as error:
        sys.stderr.write(f"cannot listen on port {arguments.port}: {error.strerror}. Choose another --port.\n")
        return 1
    return 0


async def _serve(exchange: Exchange) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with exchange:
        sys.stdout.write(f"exchange ({exchange.market.origin}) at {exchange.url}\n")
        sys.stdout.flush()
        await stopped.wait()


def _market(parser: argparse.ArgumentParser, given: argparse.Namespace) -> Market:
    kind = "recording" if given.recording else "candles" if given.candles else "simulated"
    for name, kinds in _FOR.items():
        if getattr(given, name) is not None and kind not in kinds:
            with_what = "the simulated market" if kinds == ("simulated",) else " or ".join(f"--{k}" for k in kinds)
            parser.error(f"--{name.replace('_', '-')} goes with {with_what}")
    if kind == "simulated":
        return SimulatedMarket(_or(given.seed, 1), _or(given.step_seconds, Decimal(1)))
    path: Path = given.recording or given.candles
    if given.usd_cad is None:
        parser.error(f"--{kind} holds no USD/CAD: give the rate of that day, e.g. --usd-cad 1.3347")
    usd_cad, spread = given.usd_cad, _or(given.usd_cad_spread, Decimal(0))
    try:
        if kind == "recording":
            return RecordedTickers.load(path, usd_cad, spread)
        return CandleReplay.load(
            path,
            usd_cad=usd_cad,
            usd_cad_spread=spread,
            speed=_or(given.speed, Decimal(60)),
            start=given.start,
            spread_ticks=_or(given.spread_ticks, 1),
        )
    except OSError as error:
        parser.error(f"{path}: {error.strerror}. Give the path of a {kind} file, or leave --{kind} out to simulate.")
    except ValueError as error:
        parser.error(f"{path}: {error}")


# The options that each market takes.
_FOR = {
    "usd_cad": ("recording", "candles"),
    "usd_cad_spread": ("recording", "candles"),
    "speed": ("candles",),
    "start": ("candles",),
    "spread_ticks": ("candles",),
    "seed": ("simulated",),
    "step_seconds": ("simulated",),
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tools.simulator", description=EXPLAINED)
    option = parser.add_argument
    option("--port", type=_port, default=0, help="port on 127.0.0.1 (default: a free one)")
    market = parser.add_mutually_exclusive_group()
    market.add_argument("--recording", type=Path, metavar="FILE", help="an answer of ticker/24hr, served as it was")
    market.add_argument("--candles", type=Path, metavar="FILE", help="one-minute candles (csv), replayed")
    option("--usd-cad", type=_positive, metavar="RATE", help="CAD per USD of a recording or of candles")
    option("--usd-cad-spread", type=_decimal, metavar="CAD", help="between bid and ask of USD/CAD (default: 0)")
    option("--speed", type=_decimal, help="minutes of candles per minute (default: 60; 0: only POST /control/step)")
    option("--start", type=_time, metavar="ISO", help="where in the candles to start, UTC by default")
    option(
        "--spread-ticks", type=_count, metavar="N", help="candles: ask above bid, in last decimal places (default: 1)"
    )
    option("--seed", type=int, help="seed of the simulated market (default: 1)")
    option(
        "--step-seconds",
        type=_decimal,
        metavar="S",
        help="length of a time step (default: 1; 0: only POST /control/step)",
    )
    option(
        "--weight-limit", type=_count, default=WEIGHT_LIMIT, help="Binance's weight per minute (default: %(default)s)"
    )
    option("--coinbase-limit", type=_count, default=COINBASE_LIMIT, help="requests per second (default: %(default)s)")
    option("--coingecko-limit", type=_count, default=COINGECKO_LIMIT, help="requests per minute (default: %(default)s)")
    option(
        "--kraken-ohlc-gap-ms",
        type=_count,
        default=KRAKEN_OHLC_GAP_MS,
        metavar="MS",
        help="between two requests for the candles of a pair at Kraken (default: %(default)s; 0: no limit)",
    )
    option("--fault", type=_faults, action="append", default=[], metavar="JSON", help=_FAULT_HELP)
    return parser


_FAULT_HELP = """a fault from the start, as for POST /control/faults: {"binance": {"status": 429, "retry_after": 30}},
{"kraken": {"lie": {"factor": "1.2", "markets": ["XBTCAD"]}}}"""


_T = TypeVar("_T")


def _or(value: _T | None, default: _T) -> _T:
    return default if value is None else value


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"not a number: {text}") from None
    if not number.is_finite() or not 0 <= number <= 1_000_000:
        raise argparse.ArgumentTypeError(f"not a number from 0 to 1000000: {text}")
    return number


def _positive(text: str) -> Decimal:
    number = _decimal(text)
    if not number:
        raise argparse.ArgumentTypeError("zero is not a rate")
    return number


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"not a whole number: {text}")
    return int(text)


def _port(text: str) -> int:
    port = _count(text)
    if port > 65_535:
        raise argparse.ArgumentTypeError(f"not a port: {text}")
    return port


def _time(text: str) -> datetime:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"not an ISO time such as 2021-05-12T20:01: {text}") from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _faults(text: str) -> dict[Upstream, Fault]:
    try:
        return parse_faults(json.loads(text))
    except BadFault as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    except ValueError:
        raise argparse.ArgumentTypeError(f"not JSON: {text}") from None


if __name__ == "__main__":
    sys.exit(main())
