"""The exchange's command prints its address and explains wrong arguments."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tools.simulator.__main__ import main
from tools.simulator.server import exchange_in_thread
from tools.simulator.simulated import SimulatedMarket

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "tools.simulator"]


def test_it_prints_its_address_and_ends_when_interrupted() -> None:
    fault = '{"kraken": {"status": 503}}'
    with subprocess.Popen(
        [*COMMAND, "--port", "0", "--seed", "4", "--fault", fault], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            assert running.stdout is not None
            line = running.stdout.readline()
            found = re.fullmatch(r"exchange \(simulated\) at (http://127\.0\.0\.1:\d+)\n", line)
            assert found, line
            state = requests.get(f"{found[1]}/control/state", timeout=5).json()
            assert (state["market"]["seed"], state["faults"]) == (4, {"kraken": {"status": 503}})
            running.terminate()
            assert running.wait(timeout=5) == 0
        finally:
            running.kill()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--recording", "nowhere.json", "--usd-cad", "1.3"], "nowhere.json: No such file or directory. Give the path"),
        (["--recording", "pyproject.toml", "--usd-cad", "1.3"], "pyproject.toml: "),
        (["--candles", "pyproject.toml", "--usd-cad", "1.3"], "not a file of candles"),
        (["--candles", "nowhere.csv"], "give the rate of that day"),
        (["--speed", "60"], "--speed goes with --candles"),
        (["--usd-cad", "1.3"], "--usd-cad goes with --recording or --candles"),
        (["--candles", "x.csv", "--usd-cad", "1.3", "--seed", "1"], "--seed goes with the simulated market"),
        (["--candles", "x.csv", "--usd-cad", "0"], "zero is not a rate"),
        (["--fault", '{"bitstamp": {}}'], "no such upstream: bitstamp"),
        (["--fault", "binance"], "not JSON"),
        (["--port", "70000"], "not a port"),
        (["--start", "yesterday"], "not an ISO time"),
    ],
)
def test_invalid_arguments_are_explained(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["exchange", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_a_port_that_is_taken_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with exchange_in_thread(SimulatedMarket()) as exchange:
        monkeypatch.setattr(sys, "argv", ["exchange", "--port", str(exchange.port)])
        assert main() == 1
        assert f"cannot listen on port {exchange.port}" in capsys.readouterr().err
        with pytest.raises(OSError, match="in use"), exchange_in_thread(SimulatedMarket(), exchange.port):
            pass
