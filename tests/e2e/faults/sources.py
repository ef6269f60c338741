"""Each source fails, is slow, and lies; then all of them."""

import asyncio
from typing import Any

from shared.sources.settings import POLL_SECONDS, source_settings
from tests.e2e.faults.stage import Case, Do, Stage
from tools.simulator.faults import UPSTREAMS

PACE_S = 3  # of the sources that have a pace: within a fault they are asked several times
CONTEXT = [f"{setting.source}_poll_seconds={PACE_S}" for setting in source_settings() if setting.kind == POLL_SECONDS]
LEFT_ALONE = (
    "a source that fails is left alone for up to two ticks, because it is never asked more often than a healthy one."
    " Its first price comes with the tick after that."
)
LIE = {"lie": {"factor": "1.2"}}


def source(faults: dict[str, Any], seconds: float) -> Do:
    async def do(stage: Stage) -> None:
        await asyncio.to_thread(stage.stack.control, "reset_counts", {})
        await asyncio.to_thread(stage.stack.control, "faults", faults)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(stage.stack.control, "faults", {})
        counts = (await asyncio.to_thread(stage.stack.control, "state"))["requests"]
        assert all(counts[name]["since_reset"] for name in faults), "not asked meanwhile"

    return do


CASES = (
    *[Case(f"{name} fails for 10 s", source({name: {"status": 500}}, 10)) for name in UPSTREAMS],
    *[Case(f"{name} is 2.5 s late for 10 s", source({name: {"latency_ms": 2_500}}, 10)) for name in UPSTREAMS],
    *[Case(f"{name} states its prices x 1.2 for 10 s", source({name: LIE}, 10), liars=(name,)) for name in UPSTREAMS],
    *[
        Case(f"{how} for 10 s", source(dict.fromkeys(UPSTREAMS, fault), 10), most_ticks=3, reason=LEFT_ALONE)
        for how, fault in (("all sources fail", {"status": 503}), ("no source answers", {"hang": True}))
    ],
)
