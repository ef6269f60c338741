"""Every fault is survived: nobody is told a wrong price, nothing is lost for good, and ticks go on within two ticks.

`make reliability` tries all of them and writes docs/reliability.md; `make test` tries those that are marked `quick`.
"""

import asyncio
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.model.assets import catalogue
from tests.e2e.dynamodb_proxy import DynamoDbProxy, dynamodb_proxy, posts_proxy
from tests.e2e.faults import restart, sources
from tests.e2e.faults.every import EVERY
from tests.e2e.faults.processes import SEED
from tests.e2e.faults.stage import MOST_RECOVERY_TICKS, TICK, Case, Stage
from tests.e2e.judged import Judgement, Watch, watched
from tests.e2e.lies import beyond, honest_ranges, moment_of, sources_of
from tests.e2e.local_stack import ROOT, Stack
from tests.e2e.matrix import ALL
from tools.tables import renewed

__all__ = ["TICK"]  # of the module's stack
EXCHANGE = ["--seed=29"]
CONTEXT = sources.CONTEXT
CHANNELS = ("rates_batch", "rates_compact", "rates")
ONLY = os.environ.get("CADFEED_FAULTS_LIKE", "")
CASES = [case for case in EVERY if (ALL or ONLY or case.quick) and re.search(ONLY, case.name)]
# A busy machine is late by itself; the table is measured on a quiet one.
FACTOR_IF_BUSY = 1 if ALL else 5
MOST_UNSEEN = 0.2
INJECTED = Path(__file__).parent / "faults" / "injected"
DOCUMENT = ROOT / "docs" / "reliability.md"
END = "<!-- /faults -->"
judged: list[tuple[Case, Judgement]] = []


@pytest.fixture(scope="module", autouse=True)
def document() -> Iterator[None]:
    """Write the table after all faults were tried, or the rows of those that were tried again on the same day."""
    yield
    text = DOCUMENT.read_text(encoding="utf-8")
    if ALL and not ONLY and len(judged) == len(CASES) + 1:
        DOCUMENT.write_text(renewed(text, {"faults": lambda: table(judged)}), encoding="utf-8")
    elif ALL and ONLY and f"Measured on {today()}," in text:
        DOCUMENT.write_text(with_rows(text, judged), encoding="utf-8")


def today() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d}"


def with_rows(text: str, found: Sequence[tuple[Case, Judgement]]) -> str:
    """Return the document with these rows in place of those of the same faults, and with their reasons."""
    for case, each in found:
        name, *numbers = each.cells()
        text = re.sub(rf"^\| {re.escape(name)} \|.*$", f"| {' | '.join([name, *numbers])} |", text, flags=re.MULTILINE)
        text = text.replace(f"- {case.name}: {case.reason}\n", "")
        if case.reason and is_over(each):
            text = text.replace(f"\n{END}", f"- {case.name}: {case.reason}\n\n{END}")
    return text


def table(found: Sequence[tuple[Case, Judgement]]) -> str:
    heads = ["fault", "updates", "told", "replaced", "lost", "wrong", "silence", "recovery"]
    rows = [heads, ["---", *["---:"] * (len(heads) - 1)], *(each.cells() for _, each in found)]
    when = f"{today()}, {len(CHANNELS)} clients, a tick of {TICK} s, seed {SEED}"
    reasons = [f"- {case.name}: {case.reason}" for case, each in found if case.reason and is_over(each)]
    return "\n".join(
        [
            "",
            f"Measured on {when}.",
            "",
            *(f"| {' | '.join(row)} |" for row in rows),
            *(["", *reasons] if reasons else []),
        ]
    )


def is_over(found: Judgement) -> bool:
    """Return whether it is beyond the goal."""
    return found.recovery_ticks > MOST_RECOVERY_TICKS


@pytest.fixture(scope="module")
def proxies(
    stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[DynamoDbProxy, DynamoDbProxy, DynamoDbProxy, Path]]:
    clocks = tmp_path_factory.mktemp("clocks")
    settings = {"PYTHONPATH": str(INJECTED), "CADFEED_TEST_CLOCKS": str(clocks)}
    with (
        dynamodb_proxy(stack, "IngestFunction", seed=SEED, settings=settings) as ingest,
        dynamodb_proxy(stack, "PublishFunction", seed=SEED, settings=settings) as publish,
        posts_proxy(stack, "PublishFunction", seed=SEED) as posts,
    ):
        yield ingest, publish, posts, clocks


@pytest.mark.timeout(900)  # a thousand subscriptions take the emulator minutes
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_fault_is_survived(
    stack: Stack,
    proxies: tuple[DynamoDbProxy, DynamoDbProxy, DynamoDbProxy, Path],
    case: Case,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def run() -> tuple[Judgement, list[str]]:
        async with watched(stack, TICK, CHANNELS) as watch:
            watch.begin()
            await case.do(Stage(stack, *proxies, watch))
            watch.over()
            await watch.settled()
            lies = await asyncio.to_thread(believed_lies, stack, watch, case) if case.liars else []
            return watch.judge(case.name), lies

    found, lies = asyncio.run(run())
    hold(case, replace(found, wrong=found.wrong + len(lies)), capsys)
    assert not lies


@pytest.mark.skipif(not ALL, reason="it starts a stack of its own: make reliability")
def test_a_restart_of_the_whole_service_is_survived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hold(restart.CASE, asyncio.run(restart.restarted(tmp_path, CHANNELS, monkeypatch)), capsys)


def hold(case: Case, found: Judgement, capsys: pytest.CaptureFixture[str]) -> None:
    """Note and tell what was found, and hold it against the goal."""
    judged.append((case, found))
    with capsys.disabled():
        print(f"\n{len(judged)}/{len(CASES) + ALL}: {' | '.join(found.cells())}", flush=True)
    assert found.expected > 0
    assert (found.wrong, found.lost, found.older) == (0, 0, 0)
    assert found.unseen <= MOST_UNSEEN * found.delivered
    assert found.recovery_ticks <= case.most_ticks * FACTOR_IF_BUSY


def believed_lies(stack: Stack, watch: Watch, case: Case) -> list[str]:
    """Return the quotes of assets with three or more sources that are out of their band of the honest prices."""
    found = []
    for quote in watch.quotes():
        if sources_of(quote.symbol) < 3:
            continue
        told = {"bid": quote.bid, "ask": quote.ask, "spot": quote.spot}
        low, high = honest_ranges(stack, moment_of({"ts": quote.ts_ms}), set(case.liars))[quote.symbol]
        if beyond(told, low, high) > catalogue()[quote.symbol].band:
            found.append(f"{quote} is not within {low} to {high}")
    return found
