"""A failed DynamoDB call costs a run no more than the tick: the next one begins within two ticks of its recovery."""

import random
from itertools import pairwise

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from functions.ingest import ticks
from shared.model.values import Snapshot
from shared.store.quotes_table import Stored
from tests.functions.ingest.ingests import Ingest, Stage, assert_each_seq_once_in_order
from tests.samples import NOW_MS

TICK_MS = 1_000
RUN_TICKS = 12  # and more where the table is away for longer
TIMEOUT_MS = 500  # of a call, at a tick of a second
URL = "https://dynamodb.ca-central-1.amazonaws.com"


@pytest.fixture(autouse=True)
def _short_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "RUN_MS", RUN_TICKS * TICK_MS)


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "injected"}}, "UpdateItem")


def longest_gap_ms(stage: Stage, ingest: Ingest) -> int:
    """Run an ingest, and return the longest time between two of its writes."""
    times: list[int] = [stage.clock.ms]
    ingest.table.before_write = lambda _snapshot: times.append(stage.clock.ms)
    ingest.run()
    return max(after - before for before, after in pairwise(times))


@pytest.mark.parametrize("failing", range(10))
def test_each_call_may_fail_once(stage: Stage, failing: int) -> None:
    ingest = stage.ingest()

    def fail(_call: str) -> None:
        if ingest.items.calls == failing + 1:
            raise refused("ProvisionedThroughputExceededException")

    ingest.items.fault = fail
    assert longest_gap_ms(stage, ingest) <= 2 * TICK_MS
    assert_each_seq_once_in_order(stage.written)
    assert len(stage.written) >= RUN_TICKS


def test_a_failed_call_is_repeated_within_its_tick(stage: Stage) -> None:
    ingest = stage.ingest()
    left = ["update_item", "put_item"]

    def fail(call: str) -> None:
        if len(stage.written) == 5 and call == left[0]:
            left.append(left.pop(0) + " again")
            raise refused("InternalServerError")

    ingest.items.fault = fail
    ingest.run()
    assert len(stage.written) == RUN_TICKS + 1
    assert [calls for calls, _ in ingest.failures] == [2]
    assert "InternalServerError" in ingest.failures[0][1]


@pytest.mark.parametrize("away_s", [1, 20])
def test_ticks_go_on_within_two_ticks_of_the_tables_return(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, away_s: int
) -> None:
    monkeypatch.setattr(ticks, "RUN_MS", (RUN_TICKS + away_s) * TICK_MS)
    ingest = stage.ingest()
    from_ms = NOW_MS + 5_000
    back_ms = from_ms + away_s * 1000

    def fail(_call: str) -> None:
        if from_ms <= stage.clock.ms < back_ms:
            raise EndpointConnectionError(endpoint_url=URL)

    ingest.items.fault = fail
    assert longest_gap_ms(stage, ingest) <= away_s * 1000 + 2 * TICK_MS
    assert_each_seq_once_in_order(stage.written)
    assert 0 < ingest.items.calls < 10 * (RUN_TICKS + away_s)


def test_ticks_go_on_after_a_table_that_hung(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "RUN_MS", (RUN_TICKS + 10) * TICK_MS)
    ingest = stage.ingest()
    from_ms = NOW_MS + 5_050
    back_ms = from_ms + 10_000

    def hang(_call: str) -> None:
        if from_ms <= stage.clock.ms < back_ms:
            stage.clock.ms += TIMEOUT_MS
            raise ReadTimeoutError(endpoint_url=URL)

    ingest.items.fault = hang
    assert longest_gap_ms(stage, ingest) <= 10_000 + 2 * TICK_MS
    assert_each_seq_once_in_order(stage.written)


def test_a_snapshot_whose_answer_was_lost_is_known_as_ones_own(stage: Stage) -> None:
    ingest = stage.ingest()

    def lose(call: str) -> None:
        if call == "put_item" and stage.table.snapshot().seq == 3:
            ingest.items.lost = lambda _call: None
            raise ReadTimeoutError(endpoint_url=URL)

    ingest.items.lost = lose
    ingest.run()
    assert [report.seq for report in ingest.reports] == list(range(1, len(ingest.reports) + 1))
    assert all(report.written for report in ingest.reports)
    assert len(ingest.failures) == 1


@pytest.mark.parametrize("seed", range(3))
def test_lost_answers_lose_no_tick(stage: Stage, seed: int) -> None:
    """The call itself had its effect."""
    ingest, draw = stage.ingest(), random.Random(seed)

    def lose(_call: str) -> None:
        if draw.random() < 0.3:
            raise ReadTimeoutError(endpoint_url=URL)

    ingest.items.lost = lose
    seqs: list[int] = []
    write = ingest.table.write_snapshot

    def watched(snapshot: Snapshot, epoch: int, instead_of: Stored | None = None) -> None:
        try:
            write(snapshot, epoch, instead_of)
        finally:
            if (seq := stage.table.snapshot().seq) not in seqs:
                seqs.append(seq)

    ingest.table.write_snapshot = watched  # type: ignore[method-assign]
    assert longest_gap_ms(stage, ingest) <= 2 * TICK_MS
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(seqs) >= RUN_TICKS


def test_a_table_that_never_answers_ends_the_run_in_time(stage: Stage) -> None:
    ingest = stage.ingest()

    def fail(_call: str) -> None:
        raise EndpointConnectionError(endpoint_url=URL)

    ingest.items.fault = fail
    assert ingest.run() == "end of run"
    assert stage.clock.ms - NOW_MS <= RUN_TICKS * TICK_MS
    assert ingest.items.calls <= 5 * RUN_TICKS + 1
    assert sum(calls for calls, _ in ingest.failures) == ingest.items.calls


def test_an_audience_that_cannot_be_read_keeps_the_run(stage: Stage) -> None:
    stage.nobody_listens()
    ingest = stage.ingest()

    def fail(call: str) -> None:
        if call == "get_item" and len(stage.written) < 5:
            raise refused("ThrottlingException")

    ingest.items.fault = lambda call: fail(call) if stage.written else None
    assert ingest.run() == "nobody listens"
    assert len(stage.written) == 5
