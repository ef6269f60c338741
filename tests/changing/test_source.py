"""`docs/changing/a-source.md` names every file of a new source: it is asked, has settings, an alarm and a vote."""

import re

from tests.changing.copies import Copy, listed, with_line

SOURCE = '''"""Cadex, an exchange that a test invented: its markets in CAD with one request."""

from collections.abc import Mapping

from shared.model.assets import market_names
from shared.model.values import Ticker
from shared.sources.market_row import number
from shared.sources.upstream import Answer, Source, SourceUnavailable

NAME = "cadex"
BASE_URL = "https://api.cadex.example"
PATH = "/v2/books"
POLL_EVERY_MS = 10_000
HOLD_MS = 30_000


def source() -> Source:
    """Cadex, asked every ten seconds."""
    return Source(NAME, BASE_URL, PATH, dict, parse, POLL_EVERY_MS, HOLD_MS)


def parse(answer: Answer) -> list[Ticker]:
    """The catalogue's markets.

    Raises:
        SourceUnavailable: the answer is not an object of markets.
    """
    if not isinstance(answer.payload, dict):
        raise SourceUnavailable("not an object of markets")
    rows = ((name, answer.payload.get(name)) for name in market_names(NAME))
    return [ticker for name, row in rows if (ticker := _ticker(name, row, answer))]


def _ticker(market: str, row: object, answer: Answer) -> Ticker | None:
    if not isinstance(row, Mapping):
        return None
    try:
        bid, ask, last = (number(row, side) for side in ("bid", "ask", "last"))
    except ValueError:
        return None
    received_ms = answer.received_ms
    return Ticker(NAME, market, bid, ask, last, None, received_ms, received_ms, simulated=answer.simulated)
'''
SIMULATED = '''"""Cadex's `books`: every market by its name, numbers as texts."""

import json

from tools.simulator.faults import Fault
from tools.simulator.market import Market, Moment
from tools.simulator.response import Response

PATH = "/v2/books"


def books_answer(market: Market, moment: Moment, fault: Fault) -> Response:
    """Return every market."""
    rows = market.pairs("cadex", moment).items()
    return Response(
        200,
        json.dumps(
            {
                name: fault.stated(
                    name,
                    **{
                        side: f"{price:.{ticker.price_places}f}"
                        for side, price in (("bid", ticker.bid), ("ask", ticker.ask), ("last", ticker.last))
                    },
                )
                for name, ticker in rows
                if not fault.leaves_out(name)
            }
        ),
    )


def error_of_status(status: int) -> str:
    """Return the body for a status."""
    return json.dumps({"problem": status})
'''
TEST = '''"""Cadex's books become tickers in CAD."""

from decimal import Decimal

import pytest

from shared.sources import cadex
from shared.sources.upstream import Answer, SourceUnavailable
from tests.sources.reading import read

CADEX = {"BTC/CAD": {"bid": "130000.1", "ask": "130010.2", "last": "130005"}}


def test_a_ticker_says_what_its_row_says() -> None:
    (ticker,) = read(cadex, Answer(CADEX, 1_704_489_129_000, simulated=False))
    assert (ticker.source, ticker.market, ticker.ask) == ("cadex", "BTC/CAD", Decimal("130010.2"))


def test_an_answer_without_a_market_is_no_answer() -> None:
    with pytest.raises(SourceUnavailable):
        read(cadex, Answer([], 1_704_489_129_000, simulated=False))
'''
LISTING = """    Listing(
        cadex.NAME,
        cadex.BASE_URL,
        cadex.PATH,
        {},
        set,
        lambda code: f"{code}/CAD",
    ),
"""
POLLED = """
import json
from shared.model.staleness import ages
from shared.model.values import Snapshot
from shared.pricing.next_snapshot import next_snapshot
from shared.sources.all_sources import SOURCES, AllSources
from tools.simulator.server import exchange_in_thread, wall_clock_ms
from tools.simulator.simulated import SimulatedMarket

with exchange_in_thread(SimulatedMarket(seed=3)) as exchange:
    polled = AllSources({make().name: exchange.url for make in SOURCES}).poll(20)
    asked = exchange.requests_since_start["cadex"]
made = next_snapshot(Snapshot(), polled, wall_clock_ms(), ages(5, 30))
votes = [each.source for each in made.explained["BTC_CAD"].candidates if each.vote]
print(json.dumps([asked, polled.states["cadex"].error, votes]))
"""
TEMPLATE = """
from pathlib import Path

from tests.infra.synthesis import synthesise


def test_a_new_source_has_settings_and_an_alarm_in_the_template(tmp_path: Path) -> None:
    chosen = synthesise(tmp_path, site=False, cadex_base_url="https://cadex.example", cadex_poll_seconds=7)
    variables = chosen.functions()["ingest"]["Environment"]["Variables"]
    assert (variables["CADEX_BASE_URL"], variables["CADEX_POLL_SECONDS"]) == ("https://cadex.example", "7")
    alarms = {alarm["AlarmName"] for alarm in chosen.properties("AWS::CloudWatch::Alarm").values()}
    assert "Cadfeed-SuspectCadex" in alarms
"""
CHECKED = (
    "tests/model/test_assets.py",
    "tests/sources/test_cadex.py",
    "tests/sources/test_all_sources_garbage.py",
    "tests/sources/test_settings.py",
    "tests/simulator/test_faults.py",
    "tests/simulator/test_lies.py",
    "tests/tools/test_one_place.py",
)


def change(copy: Copy) -> None:
    copy.write("shared/sources/cadex.py", SOURCE)
    copy.edit(
        "shared/sources/all_sources.py",
        ("import bank_of_canada, binance, coinbase", "import bank_of_canada, binance, cadex, coinbase"),
        ("    ndax.source,\n", "    ndax.source,\n    cadex.source,\n"),
    )
    btc = '      {"source": "ndax", "market": "BTC_CAD", "quote": "CAD"},\n'
    copy.edit("shared/model/assets.json", (btc, btc + btc.replace("ndax", "cadex").replace("BTC_CAD", "BTC/CAD")))
    copy.edit(
        "tools/catalogue_check.py",
        ("import binance, coinbase", "import binance, cadex, coinbase"),
        ("    Listing(\n        coinbase.NAME,", LISTING + "    Listing(\n        coinbase.NAME,"),
    )
    copy.write("tools/simulator/cadex.py", SIMULATED)
    copy.edit(
        "tools/simulator/cross_markets.py",
        ("TRAITS = {\n", 'TRAITS = {\n    "cadex": Traits(Decimal("0.001"), Decimal(10_000), width=3),\n'),
    )
    copy.edit(
        "tools/simulator/endpoints.py",
        ("import binance, coinbase", "import binance, cadex, coinbase"),
        (
            '    "ndax": ndax.error_of_status,\n',
            '    "ndax": ndax.error_of_status,\n    "cadex": cadex.error_of_status,\n',
        ),
        (
            '            "ndax": {ndax.PATH: self._ndax},\n',
            '            "ndax": {ndax.PATH: self._ndax},\n            "cadex": {cadex.PATH: self._cadex},\n',
        ),
        (
            "    def _valet(",
            (
                "    def _cadex(self, asked: Asked, moment: Moment, fault: Fault) -> Response:  # noqa: ARG002\n"
                "        return cadex.books_answer(self.market, moment, fault)\n\n    def _valet("
            ),
        ),
    )
    copy.write("tests/sources/test_cadex.py", TEST)
    captured = "from tests.sources.test_binance import BTC"
    copy.edit(
        "tests/sources/test_all_sources.py",
        ("bank_of_canada, binance, coinbase", "bank_of_canada, binance, cadex, coinbase"),
        ("MODULES = [binance, kraken, ndax,", "MODULES = [binance, kraken, ndax, cadex,"),
        ('HELD = {"ndax",', 'HELD = {"cadex", "ndax",'),
        ('            "ndax": NDAX,\n', '            "ndax": NDAX,\n            "cadex": CADEX,\n'),
        (
            '        "https://core.ndax.io/v1/ticker",\n',
            '        "https://core.ndax.io/v1/ticker",\n        "https://api.cadex.example/v2/books",\n',
        ),
        (captured, f"from tests.sources.test_cadex import CADEX\n{captured}"),
    )
    copy.edit(
        "tests/sources/test_all_sources_garbage.py",
        ("bank_of_canada, binance, coinbase", "bank_of_canada, binance, cadex, coinbase"),
        ('    "ndax": (ndax, NDAX),\n', '    "ndax": (ndax, NDAX),\n    "cadex": (cadex, CADEX),\n'),
        (captured, f"from tests.sources.test_cadex import CADEX\n{captured}"),
    )
    copy.edit(
        "tests/simulator/test_faults.py",
        ('    "ndax": "/v1/ticker",\n', '    "ndax": "/v1/ticker",\n    "cadex": "/v2/books",\n'),
        ('    "ndax": "errormsg",\n', '    "ndax": "errormsg",\n    "cadex": "problem",\n'),
        (
            '        case "ndax":\n            return {key: Dec',
            '        case "ndax" | "cadex":\n            return {key: Dec',
        ),
    )
    copy.edit(
        "tests/simulator/test_lies.py",
        ('    "ndax": "/v1/ticker",\n', '    "ndax": "/v1/ticker",\n    "cadex": "/v2/books",\n'),
        (
            '    "ndax": ("highestBid", "lowestAsk", "last"),\n',
            '    "ndax": ("highestBid", "lowestAsk", "last"),\n    "cadex": ("bid", "ask", "last"),\n',
        ),
        ('    "ndax": "ETH_CAD",\n', '    "ndax": "ETH_CAD",\n    "cadex": "BTC/CAD",\n'),
    )
    copy.edit(
        "README.md", ("from Kraken, Binance, NDAX, Coinbase and", "from Kraken, Binance, NDAX, Cadex, Coinbase and")
    )
    copy.edit("docs/prices.md", ("Kraken in USD; NDAX in CAD;", "Kraken in USD; NDAX in CAD; Cadex in CAD;"))
    with_line(copy, "Cadex is a new source.")


def test_a_source_touches_the_listed_files_is_asked_and_votes(copy: Copy) -> None:
    change(copy)
    copy.tables(of_stacks=True)
    assert copy.changed() == listed("a-source.md", NAME="cadex")
    asked, error, votes = copy.ask(POLLED)
    assert (asked, error) == (1, "")
    assert "cadex" in votes
    (row,) = re.findall(r"^\| `cadex` \|.*$", (copy.root / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert row == "| `cadex` | 1 | every 10 s | `cadex_base_url`, `cadex_poll_seconds` |"
    copy.write("tests/infra/test_probe.py", TEMPLATE)
    copy.assert_passes(
        *CHECKED, "tests/infra/test_probe.py", "tests/infra/test_cost_settings.py", "-k", "not with_site"
    )
