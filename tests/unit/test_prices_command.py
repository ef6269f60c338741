"""`make prices` and `make catalogue-check`, as a person runs them, on the exchange of this machine."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

from rich.console import Console

from shared.model.assets import catalogue, market_names
from tests.recordings import recording
from tools.catalogue_check import HALF_A_YEAR_MS, LISTINGS, check, upgrades_go_on
from tools.simulator.server import exchange_in_thread
from tools.simulator.simulated import SimulatedMarket

ROOT = Path(__file__).parent.parent.parent


def run(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )


def test_all_assets_are_priced_on_the_simulated_market() -> None:
    done = run("tools.prices")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "75 priced, 0 unavailable: none" in done.stdout
    rows = {line.split()[0]: line for line in done.stdout.splitlines() if "(simulated)" in line}
    assert list(rows) == list(catalogue())
    assert "kraken:XBTCAD" in rows["BTC_CAD"]
    assert "binance:SHIBUSDT x kraken:USDTCAD" in rows["SHIB_CAD"]


def test_what_the_recorded_day_has_no_market_for_is_named_and_not_priced() -> None:
    day = recording("binance/ticker_24hr_all_2024-01-05T211209Z.json")
    done = run("tools.prices", "--", f"--recording={day}", "--usd-cad=1.3347")
    assert done.returncode == 1
    missing = [
        "XMR",
        "USDT",
        "QCAD",
        "MATIC",
        "DAI",
        "MKR",
        "EOS",
        "BAL",
        "ETHW",
        "ELF",
        "OMG",
        "FTM",
        "REN",
        "LRC",
        "STORJ",
        "RNDR",
    ]
    assert f"59 priced, 16 unavailable: {' '.join(f'{code}_CAD' for code in missing)}" in done.stdout
    assert "58345.115841" in next(line for line in done.stdout.splitlines() if line.startswith("BTC_CAD"))


def test_wrong_options_are_explained() -> None:
    done = run("tools.prices", "--", "--recording=nowhere.json", "--usd-cad=1")
    assert done.returncode == 1
    assert "nowhere.json" in done.stdout


def test_the_catalogue_check_finds_every_market_of_the_simulated_exchanges_open() -> None:
    done = run("tools.catalogue_check", "--simulated")
    assert done.returncode == 0, done.stdout + done.stderr
    for source in ("binance", "kraken", "ndax", "coinbase", "coingecko"):
        count = len(market_names(source))
        assert f"{source}: {count} of {count} markets open" in done.stdout


def test_the_catalogue_check_names_what_is_gone_what_it_is_called_now_and_since_when_it_was_not_seen() -> None:
    console = Console(file=StringIO(), width=120, highlight=False)
    still_open = {"binance": {"BTCUSDT"}, "coinbase": {"BTC-USD"}}

    def opened(source: str) -> Callable[[object], set[str]]:
        return lambda _rows: still_open.get(source, set())

    with exchange_in_thread(SimulatedMarket(seed=1)) as exchange:
        for listing in LISTINGS:
            assert not check(replace(listing, open_markets=opened(listing.source)), exchange.url, console)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "binance: 1 of" in said
    assert "gone     POLUSDT (MATIC), renamed to POL" in said
    assert "gone     SUPER-USD (SUPER), not seen since 2025" in said


def test_the_catalogue_check_says_when_the_table_of_an_upgrade_ends_soon() -> None:
    console = Console(file=StringIO(), width=120, highlight=False)
    last_ms = catalogue()["MKR_CAD"].markets[1].upgrade[-1][0]
    assert upgrades_go_on(console, last_ms - HALF_A_YEAR_MS)
    assert not upgrades_go_on(console, last_ms - HALF_A_YEAR_MS + 1)
    assert "MKR to SKYUSDT" in console.file.getvalue()  # type: ignore[attr-defined]
