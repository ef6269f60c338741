"""CloudWatch as far as the feed's alarms need it: it reads what a function writes, and evaluates alarms of a template.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
"""

import json
from collections import defaultdict
from collections.abc import Callable
from operator import gt, lt
from typing import Any

from tests.infra.synthesis import in_words

STATISTICS: dict[str, Callable[[list[float]], float]] = {
    "Sum": sum,
    "Minimum": min,
    "Maximum": max,
    "SampleCount": len,
}
COMPARISONS: dict[str, Callable[[float, float], bool]] = {"GreaterThanThreshold": gt, "LessThanThreshold": lt}
Key = tuple[str, str, frozenset[tuple[str, str]]]


class CloudWatch:
    """Metrics by namespace, name and dimensions."""

    def __init__(self) -> None:
        self._samples: dict[Key, list[tuple[int, float]]] = defaultdict(list)

    def put(self, at_ms: int, namespace: str, name: str, dimensions: dict[str, str], value: float) -> None:
        self._samples[namespace, name, frozenset(dimensions.items())].append((at_ms, value))

    def read(self, log: str, at_ms: int) -> None:
        """Take the metrics of a log's lines, as if they were written at that time."""
        for line in log.splitlines():
            logged = json.loads(line) if line.startswith("{") else {}
            for directive in logged.get("_aws", {}).get("CloudWatchMetrics", ()):
                for names in directive["Dimensions"]:
                    dimensions = {name: logged[name] for name in names}
                    for metric in directive["Metrics"]:
                        values = logged[metric["Name"]]
                        for value in values if isinstance(values, list) else [values]:
                            self.put(at_ms, directive["Namespace"], metric["Name"], dimensions, value)

    def breaches(self, alarm: dict[str, Any], began_ms: int) -> bool | None:
        """Whether the period that began then breaches the threshold; `None` if the alarm keeps its state."""
        key = (
            alarm["Namespace"],
            alarm["MetricName"],
            frozenset((each["Name"], in_words(each["Value"])) for each in alarm["Dimensions"]),
        )
        until_ms = began_ms + alarm["Period"] * 1000
        values = [value for at_ms, value in self._samples.get(key, ()) if began_ms <= at_ms < until_ms]
        if not values:
            return {"breaching": True, "notBreaching": False, "ignore": None}[alarm["TreatMissingData"]]
        return COMPARISONS[alarm["ComparisonOperator"]](STATISTICS[alarm["Statistic"]](values), alarm["Threshold"])

    def goes_off_after_ms(self, alarm: dict[str, Any], began_ms: int, until_ms: int) -> int | None:
        """How long after `began_ms` the alarm is on, at the end of a period; `None` if it stays quiet until `until_ms`.

        Periods begin at `began_ms`, and the alarm was quiet before.
        """
        period_ms: int = alarm["Period"] * 1000
        in_a_row = 0
        for period_began_ms in range(began_ms, until_ms - period_ms + 1, period_ms):
            in_a_row = in_a_row + 1 if self.breaches(alarm, period_began_ms) else 0
            if in_a_row == alarm["EvaluationPeriods"]:
                return period_began_ms + period_ms - began_ms
        return None
