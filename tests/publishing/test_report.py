"""What is said about a batch: a warning for those that missed a frame by no fault of theirs."""

from typing import TYPE_CHECKING, Any, cast

import pytest

from shared.gateway import Posted
from shared.model.delta import Delta
from shared.model.values import Snapshot
from shared.publishing.report import Gaps, moment, report

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger, Metrics

THROTTLED, REFUSED = "throttled: 429", "forbidden: 403"


class Said:
    """In the place of the logger and the metrics."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, Any]]] = []
        self.metrics: dict[str, int] = {}
        self.metadata: dict[str, int] = {}

    def add_metric(self, name: str, _unit: object, value: int) -> None:
        self.metrics[name] = value

    def add_metadata(self, name: str, value: int) -> None:
        self.metadata[name] = value

    def debug(self, text: str, **fields: Any) -> None:
        self.lines.append(("debug", text, fields))

    def warning(self, text: str, **fields: Any) -> None:
        self.lines.append(("warning", text, fields))

    def error(self, text: str, **fields: Any) -> None:
        self.lines.append(("error", text, fields))


def said(posted: Posted) -> Said:
    heard = Said()
    report(cast("Logger", heard), cast("Metrics", heard), moment(), Delta(Snapshot(1), Snapshot(2)), posted)
    return heard


@pytest.mark.parametrize(
    ("posted", "missed", "reasons"),
    [
        (Posted(failures=3, unsent=4, slow=1, failed={"a": THROTTLED, "b": REFUSED, "c": REFUSED}), 6, [REFUSED]),
        (Posted(failures=1, failed={"a": THROTTLED}), 1, [THROTTLED]),
        (Posted(unsent=1), 1, []),
        (Posted(failures=4, failed={name: name for name in "dbac"}), 4, ["a", "b", "c"]),
        (Posted(), 0, []),
    ],
)
def test_a_warning_counts_those_that_missed_a_frame(posted: Posted, missed: int, reasons: list[str]) -> None:
    lines = [(level, text, fields["connections"], fields["reasons"]) for level, text, fields in said(posted).lines[1:]]
    assert lines == [("warning", "posts failed", missed, reasons)]


@pytest.mark.parametrize(
    "posted", [Posted(complete=True, reached=9), Posted(failures=2, slow=2, failed=dict.fromkeys("ab", THROTTLED))]
)
def test_slow_clients_alone_raise_no_warning(posted: Posted) -> None:
    heard = said(posted)
    assert [level for level, _, _ in heard.lines] == ["debug"]
    assert heard.metrics["PostsFailed"] == 0
    assert heard.metrics["SlowClients"] == posted.slow


def test_closed_clients_and_a_broken_batch_are_said_apart() -> None:
    lines = said(Posted(complete=True, slow=2, closed=2, error=OSError("no table"))).lines
    assert [(level, text) for level, text, _ in lines[1:]] == [
        ("warning", "slow clients closed"),
        ("error", "batch broken"),
    ]
    assert lines[1][2]["connections"] == 2


def test_the_log_tells_the_tick_and_who_missed_it() -> None:
    told = said(Posted(failures=2, failed={"b": REFUSED, "a": THROTTLED}))
    assert told.metadata == {"seq": 2}
    assert [fields["missed"] for _, text, fields in told.lines if text == "posts failed"] == [["a", "b"]]


def test_a_gap_is_counted_while_somebody_listens_to_both_ends() -> None:
    gaps, counted = Gaps(), []
    for old_seq, gap_ms, is_heard in [
        (1, 7_000, True),
        (2, 5_000, True),
        (3, -5, True),
        (0, 5_000, True),
        (4, 60_000, False),
        (5, 8_000, True),
        (6, 6_000, True),
    ]:
        heard = Said()
        delta = Delta(Snapshot(old_seq, 10_000), Snapshot(old_seq + 1, 10_000 + gap_ms))
        gaps.count(cast("Metrics", heard), delta, is_heard=is_heard)
        counted.append(heard.metrics)
    assert counted == [{}, {"SnapshotGap": 5_000}, {"SnapshotGap": 0}, {}, {}, {}, {"SnapshotGap": 6_000}]
