"""The local feed's market: the live sources if they can be reached, otherwise the simulated exchange."""

import asyncio
import re
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from shared.sources.all_sources import SOURCES
from shared.sources.settings import BASE_URL, source_settings
from shared.sources.upstream import Poller, SourceUnavailable
from tools.local.aws import ROOT, CannotStart, environment_without_aws
from tools.local.processes import Processes

PROBE_TIMEOUT_S = 5
EXCHANGE_TIMEOUT_S = 30
USD_CAD_SOURCES = {"kraken", "bank_of_canada", "er_api"}


def unreachable() -> dict[str, str]:
    """Ask each live source once and return the errors by name.

    The result is empty if a live feed is possible: it needs Binance and one source of USD/CAD.
    """
    pollers = [Poller(source, source.base_url) for source in (make() for make in SOURCES)]
    with ThreadPoolExecutor(len(pollers)) as threads:
        failures = {name: why for name, why in threads.map(_probe, pollers) if why}
    enough = "binance" not in failures and not failures.keys() >= USD_CAD_SOURCES
    return {} if enough else failures


async def start_exchange(processes: Processes, state: Path, arguments: Sequence[str]) -> str:
    """Start the exchange on a free port and return its address.

    Raises:
        CannotStart: it refused its arguments, or did not start in time.
    """
    log = state / "exchange.log"
    log.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tools.simulator", *arguments]
    process = await processes.start(command, environment=environment_without_aws(), log=log, cwd=ROOT, service=True)
    for _ in range(EXCHANGE_TIMEOUT_S * 10):
        said = log.read_text(encoding="utf-8", errors="replace")
        if address := re.search(r"^exchange .* at (http://\S+)$", said, re.MULTILINE):
            return address[1]
        if process.returncode is not None:
            raise CannotStart(f"the exchange did not start:\n{said}")
        await asyncio.sleep(0.1)
    raise CannotStart(f"the exchange did not start in {EXCHANGE_TIMEOUT_S} s; its log is {log}")


def base_urls(address: str) -> dict[str, str]:
    """Return the deployment's settings that point every source at the exchange."""
    return {setting.name: address for setting in source_settings() if setting.kind == BASE_URL}


def _probe(poller: Poller) -> tuple[str, str]:
    try:
        poller.ask(time.time_ns() // 1_000_000, PROBE_TIMEOUT_S)
    except SourceUnavailable as error:
        return poller.source.name, str(error)
    return poller.source.name, ""
