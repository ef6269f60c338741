"""A fan-out's memory does not grow with its connections."""

from pathlib import Path

from tests.fan_out.child import child
from tools.simulator.sink import running

MANY = 100_000
MOST_MB = 150
MOST_GROWTH_MB = 30  # a longer batch opens more connections to the sink; keeping a hundred thousand would take more


def test_memory_does_not_grow_with_the_number_of_connections(tmp_path: Path) -> None:
    peaks = []
    for count in (MANY // 10, MANY):
        with running(tmp_path, latency_ms=5) as sink, child(sink, count, "many-", rate=1_000_000) as lambdas:
            told = lambdas.tick()
            assert (told["reached"], told["whole"]) == (count, True)
            assert sink.counts()["by_status"] == {"200": count}
            peaks.append(told["peak_mb"])
    assert peaks[1] < MOST_MB
    assert peaks[1] - peaks[0] < MOST_GROWTH_MB
