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
    assert f"{len(catalogue())} priced, 0 unavailable: none" in done.stdout
    rows = {line.split()[0]: line for line in done.stdout.splitlines() if "(simulated)" in line}
    assert list(rows) == list(catalogue())
    assert "kraken:XBTCAD" in rows["BTC_CAD"]
    assert "binance:SHIBUSDT x kraken:USDTCAD" in rows["SHIB_CAD"]


def test_an_asset_without_a_recorded_market_is_named() -> None:
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
    names = " ".join(f"{code}_CAD" for code in missing)
    priced = len(catalogue()) - len(missing)
    assert f"{priced} priced, {len(missing)} unavailable: {names}" in done.stdout
    assert "58345.115841" in next(line for line in done.stdout.splitlines() if line.startswith("BTC_CAD"))


def test_wrong_options_are_explained() -> None:
    done = run("tools.prices", "--", "--recording=nowhere.json", "--usd-cad=1")
    assert done.returncode == 1
    assert "nowhere.json" in done.stdout


def test_the_catalogue_check_finds_every_simulated_market_open() -> None:
    done = run("tools.catalogue_check", "--simulated")
    assert done.returncode == 0, done.stdout + done.stderr
    for source in ("binance", "kraken", "ndax", "coinbase", "coingecko"):
        count = len(market_names(source))
        assert f"{source}: {count} of {count} markets open" in done.stdout


def test_the_catalogue_check_names_missing_and_renamed_markets() -> None:
    """It says when it last saw them."""
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


def test_the_catalogue_check_names_past_markets_that_trade_again() -> None:
    console = Console(file=StringIO(), width=120, highlight=False)
    binance = next(listing for listing in LISTINGS if listing.source == "binance")
    trading = {*market_names("binance"), "MATICUSDT"}
    with exchange_in_thread(SimulatedMarket(seed=1)) as exchange:
        assert check(replace(binance, open_markets=lambda _rows: trading), exchange.url, console)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "again    MATICUSDT (MATIC): it had ended" in said
    assert "FTMUSDT" not in said
    assert "new " not in said


def test_the_catalogue_check_warns_when_an_upgrade_table_ends() -> None:
    console = Console(file=StringIO(), width=120, highlight=False)
    last_ms = catalogue()["MKR_CAD"].markets[1].upgrade[-1][0]
    assert upgrades_go_on(console, last_ms - HALF_A_YEAR_MS)
    assert not upgrades_go_on(console, last_ms - HALF_A_YEAR_MS + 1)
    assert "MKR to SKYUSDT" in console.file.getvalue()  # type: ignore[attr-defined]
