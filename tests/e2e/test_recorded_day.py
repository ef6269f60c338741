"""A recorded day of Binance: the quotes over wss equal an independent computation, to the last digit."""

import asyncio
import json
from fractions import Fraction
from typing import Any

from shared.model.assets import catalogue
from tests.e2e.clients import Client, opened
from tests.e2e.local_stack import Stack
from tests.recordings import recording

TICK = 1
SMALL = ["SHIB_CAD", "LUNC_CAD", "CHR_CAD"]
USD_CAD = Fraction("1.3347")  # the Bank of Canada's rate of that day
RECORDING = "binance/ticker_24hr_all_2024-01-05T211209Z.json"


def EXCHANGE() -> list[str]:  # noqa: N802 - read by the fixture like the constant of other modules
    return [f"--recording={recording(RECORDING)}", f"--usd-cad={float(USD_CAD)}"]


def rows() -> dict[str, dict[str, Any]]:
    return {row["symbol"]: row for row in json.loads(recording(RECORDING).read_text())}


def quotes(stack: Stack) -> dict[str, dict[str, Any]]:
    async def run() -> Client:
        async with opened(stack) as client:
            await client.subscribe("rates_batch")
            await client.until(lambda frame: bool(frame.get("data")))
            return client

    return asyncio.run(run()).quotes()


def test_every_quote_equals_the_recorded_price_times_the_rate(stack: Stack) -> None:
    traded = {
        symbol: rows()[market.name]
        for symbol, asset in catalogue().items()
        for market in asset.markets
        if market.source == "binance" and market.name in rows() and float(rows()[market.name]["bidPrice"]) > 0
    }
    assert len(traded) == 59
    got = quotes(stack)
    assert got.keys() == traded.keys()
    for symbol, row in traded.items():
        bid, ask, last, opened = (Fraction(row[name]) for name in ("bidPrice", "askPrice", "lastPrice", "openPrice"))
        spot = min(max(bid, last), ask)  # a last trade outside the book is old
        for field, price in (("bid", bid), ("ask", ask), ("spot", spot)):
            assert Fraction(got[symbol][field]) == price * USD_CAD, (symbol, field)
        assert Fraction(got[symbol]["change"]) == (spot - opened) * USD_CAD, symbol


def test_dead_and_missing_binance_pairs_have_no_price(stack: Stack) -> None:
    assert float(rows()["DAIUSDT"]["lastPrice"]) == 0
    assert not {"DAI_CAD", "ETHW_CAD", "QCAD_CAD", "USDT_CAD"} & quotes(stack).keys()


def test_small_prices_keep_at_least_six_significant_digits(stack: Stack) -> None:
    """It counts in the frame's text: 0.266940 has six and 0.26694 five."""

    async def run() -> list[str]:
        async with opened(stack) as client:
            await client.send(
                {"event": "subscribe", "channel": "rates", "symbols": ["SHIB_CAD", "LUNC_CAD", "CHR_CAD"]}
            )
            texts: list[str] = []
            while len(texts) < 3:
                text = str(await client.socket.recv())
                texts += [text] if '"data":' in text else []
            return texts

    for text in asyncio.run(run()):
        for field in ("bid", "ask", "spot"):
            number = text.split(f'"{field}":')[1].split(",")[0]
            assert "e" not in number.lower()
            assert len(number.replace(".", "").lstrip("0")) >= 6, text
