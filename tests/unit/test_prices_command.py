"""`make prices` and `make catalogue-check`, as a person runs them, on the exchange of this machine."""

import subprocess
import sys
from pathlib import Path

from shared.assets import catalogue
from tests.recordings import recording

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
    assert "70 priced, 5 unavailable: USDT_CAD QCAD_CAD DAI_CAD ETHW_CAD UST_CAD" in done.stdout
    assert "58345.115841" in next(line for line in done.stdout.splitlines() if line.startswith("BTC_CAD"))


def test_wrong_options_are_explained() -> None:
    done = run("tools.prices", "--", "--recording=nowhere.json", "--usd-cad=1")
    assert done.returncode == 1
    assert "nowhere.json" in done.stdout


def test_the_catalogue_check_names_what_is_gone_and_what_it_is_called_now() -> None:
    done = run("tools.catalogue_check", "--simulated")
    assert done.returncode == 1
    assert "gone     MATICUSDT (MATIC), renamed to POL" in done.stdout
    assert "kraken: 74 of 74 markets open" in done.stdout
    assert "coingecko: 75 of 75 markets open" in done.stdout
