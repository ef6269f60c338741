"""The Lambdas' metrics as Prometheus reads them, from the lines that they log on the local stack.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
https://prometheus.io/docs/instrumenting/exposition_formats/

The emulator takes the lines of an invocation when it ends, so those of an ingest come up to 130 s late.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SUFFIXES = {"Milliseconds": "_milliseconds", "Bytes": "_bytes"}
Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Seen:
    """What a metric has been since the stack began: how many values, their sum, and the latest one."""

    count: int = 0
    total: float = 0
    latest: float = 0

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        self.latest = value


class Totals:
    """Adds up the metrics in log lines."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[Labels, Seen]] = {}

    def read(self, lines: Iterable[str]) -> None:
        """Add the metrics of these lines. Other lines are left out."""
        for line in lines:
            for name, labels, values in _metrics_in(line):
                seen = self._seen.setdefault(name, {}).setdefault(labels, Seen())
                for value in values:
                    seen.add(value)

    def text(self) -> str:
        """A summary of each metric (its count and its sum), and its latest value as a gauge."""
        lines: list[str] = []
        for name, by_labels in sorted(self._seen.items()):
            lines.append(f"# TYPE {name} summary")
            for labels, seen in sorted(by_labels.items()):
                lines.append(f"{name}_count{_written(labels)} {seen.count}")
                lines.append(f"{name}_sum{_written(labels)} {seen.total:.15g}")
            lines.append(f"# TYPE {name}_latest gauge")
            lines += [
                f"{name}_latest{_written(labels)} {seen.latest:.15g}" for labels, seen in sorted(by_labels.items())
            ]
        return "".join(f"{line}\n" for line in lines)


class StackMetrics:
    """Reads the logs of a stack's Lambdas. What was read once is not read again."""

    def __init__(self, stack: str, clients: Mapping[str, Any]) -> None:
        """`clients`: the options of boto3's clients."""
        self._stack = stack
        self._formation: CloudFormationClient = boto3.client("cloudformation", **clients)
        self._logs = boto3.client("logs", **clients)
        self._groups: list[str] = []
        # By group: the time of the last line, and how many lines of that time were read. The emulator numbers none.
        self._read: dict[str, tuple[int, int]] = {}
        self._totals = Totals()

    def text(self) -> str:
        """All metrics up to now. Not for two threads at the same time.

        Raises:
            ClientError: the emulator refuses.
            BotoCoreError: the emulator does not answer.
        """
        self._groups = self._groups or self._find_groups()
        for group in self._groups:
            self._totals.read(self._new_lines(group))
        return self._totals.text()

    def _find_groups(self) -> list[str]:
        pages = self._formation.get_paginator("list_stack_resources").paginate(StackName=self._stack)
        return [
            resource["PhysicalResourceId"]
            for page in pages
            for resource in page["StackResourceSummaries"]
            if resource["ResourceType"] == "AWS::Logs::LogGroup"
        ]

    def _new_lines(self, group: str) -> Iterator[str]:
        began_ms, known = last_ms, seen = self._read.get(group, (0, 0))
        pages = self._logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=began_ms)
        for event in (event for page in pages for event in page["events"]):
            if event["timestamp"] == began_ms and known:  # the first ones of that time were read before
                known -= 1
                continue
            seen = seen + 1 if event["timestamp"] == last_ms else 1
            last_ms = event["timestamp"]
            yield event["message"]
        self._read[group] = (last_ms, seen)


def _metrics_in(line: str) -> Iterator[tuple[str, Labels, list[float]]]:
    try:
        logged = json.loads(line) if line.startswith("{") else {}
    except ValueError:
        return
    for directive in logged.get("_aws", {}).get("CloudWatchMetrics", ()):
        for dimensions in directive["Dimensions"]:
            labels = tuple((name, str(logged[name])) for name in dimensions)
            for metric in directive["Metrics"]:
                values = logged[metric["Name"]]
                name = f"cadfeed_{_snake_case(metric['Name'])}{SUFFIXES.get(metric.get('Unit', ''), '')}"
                yield name, labels, values if isinstance(values, list) else [values]


def _snake_case(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _written(labels: Labels) -> str:
    def escaped(value: str) -> str:
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    return "{" + ",".join(f'{name}="{escaped(value)}"' for name, value in labels) + "}"
