"""The built clients in empty folders, against a whole stack: what their READMEs and examples show is what users get."""

import re
import subprocess
from pathlib import Path
from threading import Timer

import pytest

from tests.e2e.local_stack import Stack
from tests.packaged import Installed, python_client, typescript_client

PATIENCE_S = 60
PROGRAM = {"PYTHONUNBUFFERED": "1", "CADFEED_TOKEN": "that.nobody.asks-for"}
PRICE = r"\d+(\.\d+)?"
QUOTE = re.compile(rf"(BTC|ETH)_CAD {PRICE} -?{PRICE} (live|stale)")
CANDLE = re.compile(rf"\d+ {PRICE} {PRICE}")
EXAMPLE = re.compile(rf"BTC_CAD {PRICE} {PRICE} {PRICE} \((\d sources agree|nobody confirms it)\)")


@pytest.fixture(scope="module", params=[python_client, typescript_client])
def client(request: pytest.FixtureRequest, common_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """One of the clients, whose README names the stack's feed."""
    installed: Installed = request.param(tmp_path_factory.mktemp("packages") / "client")
    installed.address(common_stack.feed)
    return installed


def trusting(client: Installed, stack: Stack) -> dict[str, str]:
    """The environment of a program that trusts the stack's CA, as Python and Node take it."""
    return client.environment() | {"SSL_CERT_FILE": stack.ca, "NODE_EXTRA_CA_CERTS": stack.ca} | PROGRAM


def first_lines(client: Installed, stack: Stack, program: str, count: int) -> list[str]:
    """The first output of a program that never ends, or what it printed within a minute."""
    process = subprocess.Popen(
        [client.runner, program],
        cwd=client.folder,
        env=trusting(client, stack),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    late = Timer(PATIENCE_S, process.kill)
    late.start()
    try:
        assert process.stdout
        return [process.stdout.readline().rstrip() for _ in range(count)]
    finally:
        late.cancel()
        process.kill()
        process.wait()


def output(client: Installed, stack: Stack, *command: str | Path) -> list[str]:
    """What a program prints that ends."""
    ended = subprocess.run(
        [client.runner, *command],
        cwd=client.folder,
        env=trusting(client, stack),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout.splitlines()


def test_the_loops_of_the_readme_print_quotes(client: Installed, common_stack: Stack) -> None:
    loops = [name for name in client.programs if name.startswith("readme_")][:-1]
    assert loops
    for program in loops:
        for line in first_lines(client, common_stack, program, 3):
            assert QUOTE.fullmatch(line), line


def test_the_requests_of_the_readme_are_answered(client: Installed, common_stack: Stack) -> None:
    *candles, explained = output(client, common_stack, client.programs[-2])
    assert all(CANDLE.fullmatch(line) for line in candles)
    assert explained.startswith("BTC_CAD ")
    assert "kraken" in explained


def test_the_example_ends_after_three_quotes(client: Installed, common_stack: Stack) -> None:
    lines = output(client, common_stack, client.programs[-1], common_stack.feed, "BTC_CAD")
    assert sum(EXAMPLE.fullmatch(line) is not None for line in lines) == 3
    assert [line for line in lines if "candles, in progress:" in line]


@pytest.mark.parametrize("client", [python_client], indirect=True)
def test_the_command_line_prints_quotes(client: Installed, common_stack: Stack) -> None:
    arguments = ["--symbols", "BTC_CAD,ETH_CAD", "--count", "2", "--ca", common_stack.ca]
    lines = output(client, common_stack, "-m", "cadfeed_client", common_stack.feed, *arguments)
    assert [line.split("  ")[1] for line in lines] == ["BTC_CAD", "ETH_CAD"]
    assert all(line.endswith("SIMULATED") for line in lines)
