"""The page's own tests on a whole stack, in a real browser: table, chart, and messages when sources fail."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.local_stack import ROOT, Stack
from tools.browser import CHROMIUM, FIREFOX, NO_CHROMIUM, NO_FIREFOX
from tools.local.certificates import key_pin
from tools.simulator.faults import UPSTREAMS

TICK = 1
# Neither Kraken's market nor its coins in both dollars, and CoinGecko contradicts the daily rates.
NO_LIVE_DOLLAR = {
    "kraken": {"missing": ["USDCAD", "USDTCAD", "USDTUSD", "XBTCAD", "ETHCAD", "SOLCAD", "XRPCAD"]},
    "coingecko": {"lie": {"factor": "1.5", "prices": ["usd"]}},
}
EXCHANGE = ["--seed=11", f"--fault={json.dumps(NO_LIVE_DOLLAR)}"]
CONTEXT = ["stale_after_seconds=5", "coinbase_poll_seconds=1", "coingecko_poll_seconds=3"]
NODE = Path(sys.executable).parent / "node"
VITEST = ROOT / "web" / "node_modules" / "vitest" / "vitest.mjs"
DEADLINE_S = 600
FOUND = {"chromium": (CHROMIUM, NO_CHROMIUM), "firefox": (FIREFOX, NO_FIREFOX)}
# `truth` first: the stack begins without a live rate of the US dollar.
NAMES = ("truth", "table", "chart")


def pass_in(browser: str, name: str, stack: Stack) -> None:
    """Run the tests of `web/tests/stack/<name>.test.ts` in a browser, and assert that they pass.

    Skips the test if the browser is not installed.
    """
    if not FOUND[browser][0]:
        pytest.skip(FOUND[browser][1])
    options = {
        "dashboard": stack.dashboard,
        "feed": stack.feed,
        "exchange": stack.exchange,
        "spki": key_pin(Path(stack.ca)),
        "sources": UPSTREAMS,
    }
    tests = subprocess.run(
        [str(NODE), str(VITEST), "run", "--reporter=verbose", f"tests/stack/{name}.test.ts"],
        cwd=ROOT / "web",
        env=os.environ
        | {"CADFEED_STACK": json.dumps(options), "CADFEED_BROWSER": browser, "NODE_EXTRA_CA_CERTS": stack.ca},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert tests.returncode == 0, tests.stdout
    assert "passed" in tests.stdout
