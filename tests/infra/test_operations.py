"""docs/operations.md: a row for each alarm, commands that name what the stack has, and queries of what is logged."""

import json
import re
import subprocess
import time
from types import ModuleType
from typing import Any

import jmespath
import pytest
from mypy_boto3_dynamodb.service_resource import Table

from functions.ingest.ticks import TickReport
from infra.bundle import ROOT
from shared.model.values import Snapshot
from shared.store.connections_table import ConnectionsTable
from shared.store.quotes_table import QuotesTable
from tests.clients import ConnectionsServer
from tests.infra.synthesis import Synthesised, in_words
from tests.infra.test_monitoring import alarms
from tests.lambdas import CONNECTION_ID, Context, Load, logged_lines, stream_record, websocket_event
from tests.samples import after, quotes

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
ALARMS = PAGE.split("\n## Alarms\n")[1].split("\n## ")[0]
QUESTIONS = PAGE.split("\n## Questions to the logs\n")[1].split("\n## ")[0]
ROWS = [row.strip("| ").split(" | ") for row in re.findall(r"^\| `.*$", ALARMS, re.MULTILINE)]
OF_INSIGHTS = {"@timestamp", "@message"}
LANGUAGE = "filter fields sort limit by as and or desc like ispresent stats count max"


def test_every_alarm_has_one_row_and_every_row_an_alarm(
    stack: Synthesised, sharded: Synthesised, with_tokens: Synthesised
) -> None:
    named = [name for names, *_ in ROWS for name in re.findall(r"`(\w+)`", names)]
    assert sorted(named) == sorted(alarms(stack).keys() | alarms(sharded).keys() | alarms(with_tokens).keys())


def test_each_row_says_what_it_means_and_what_to_type() -> None:
    for names, meaning, command in ROWS:
        assert len(meaning.split()) >= 2, names
        assert re.match(r"`(logs|metric|aws) |the query for ", command), names


def test_a_row_looks_into_the_log_of_its_function(stack: Synthesised, sharded: Synthesised) -> None:
    """A worker's fault is not in the log of `publish`. `TicksRare` is measured where snapshots arrive, and has its
    cause where they are made."""
    groups = {
        name: in_words(function["LoggingConfig"]["LogGroup"]).strip("<>")
        for name, function in (stack.functions() | sharded.functions()).items()
    }
    known = alarms(stack) | alarms(sharded)
    looked = {name: command for names, _, command in ROWS for name in re.findall(r"`(\w+)`", names)}
    found = {
        name: (group[1], groups[service])
        for name, command in looked.items()
        if name in known and (group := re.match(r"`logs (\w+)", command)) and (service := service_of(known[name]))
    }
    assert len(found) > 20
    assert {name for name, (told, right) in found.items() if told != right} == {"TicksRare"}


def service_of(alarm: dict[str, Any]) -> str:
    """The function that writes the alarm's metric; empty if AWS does."""
    return next((str(each["Value"]) for each in alarm["Dimensions"] if each["Name"] == "service"), "")


def test_commands_name_what_the_stack_has(stack: Synthesised, sharded: Synthesised, with_tokens: Synthesised) -> None:
    kinds = {"logs": "AWS::Logs::LogGroup", "Function": "AWS::Lambda::Function", "Storage": "AWS::DynamoDB::Table"}
    templates = [each.template.to_json()["Resources"] for each in (stack, sharded, with_tokens)]
    resources = templates[0] | templates[1] | templates[2]
    names = {("logs", name) for name in re.findall(r"`logs (\w+)", ALARMS)}
    names |= {("logs", name) for name in re.findall(r"`(\w+Logs)`", QUESTIONS)}
    names |= {(re.search(r"Function|Storage", name)[0], name) for name in re.findall(r"\$\(of (\w+)\)", ALARMS)}  # type: ignore[index]
    assert len(names) > 8
    for kind, name in names:
        (found,) = resources_of(name, resources)
        assert resources[found]["Type"] == kinds[kind], found


def resources_of(name: str, resources: Any) -> list[str]:
    """The logical IDs that the page's `of` finds: its query is taken from bash, and asked as the AWS CLI does."""
    shell = re.search(r"^of\(\) .*?\}$", ALARMS, re.MULTILINE | re.DOTALL)
    assert shell
    program = f"aws() {{ printf '%s\\n' \"${{@: -1}}\"; }}; STACK=Cadfeed; {shell[0]}\nof {name}"
    query = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True).stdout
    summaries = [{"LogicalResourceId": each, "PhysicalResourceId": each} for each in sorted(resources)]
    every = jmespath.search(query.replace("| [0]", ""), {"StackResourceSummaries": summaries})
    return list(every)


def test_the_lines_that_rows_look_for_are_logged() -> None:
    code = "".join(
        path.read_text(encoding="utf-8") for room in ("functions", "shared") for path in (ROOT / room).rglob("*.py")
    )
    said = set(re.findall(r"logger\.\w+\(\s*\"([^\"]+)\"", code))
    looked_for = {text for *_, command in ROWS for text in re.findall(r'"([a-z ]+)"', command) if command[0] == "`"}
    looked_for |= set(re.findall(r'message = "([^"]+)"', QUESTIONS))
    assert len(looked_for) > 8
    assert looked_for <= said


def test_queries_ask_for_fields_that_are_logged(
    stack: Synthesised,
    load: Load,
    api: ConnectionsServer,
    connections_items: Table,
    quotes_table: QuotesTable,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each field of a query is in a line of one of the log groups that its question names."""
    stage = stack.stage()["Properties"]
    logged = {"ApiAccessLogs": set(json.loads(stage["AccessLogSettings"]["Format"]))}
    first = after(Snapshot(), quotes(), int(time.time() * 1000))
    quotes_table.write_snapshot(first, 1)
    connections = ConnectionsTable(connections_items, 1)

    def fields(module: ModuleType) -> set[str]:
        metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
        lines = logged_lines(module, caplog)
        caplog.clear()
        return set().union(*metrics, *lines)

    connect = load("connect")
    connect.handler(websocket_event("$connect", kind="CONNECT"), Context())
    logged["ApiConnectLogs"] = fields(connect)
    subscribe = load("subscribe")
    monkeypatch.setattr(subscribe.subscriptions, "_wake_ingest", lambda: None)
    subscribe.handler(websocket_event("subscribe", {"event": "subscribe", "channel": "rates_batch"}), Context())
    assert connections.get(CONNECTION_ID).subscriptions == {"rates_batch": None}
    logged["ApiSubscribeLogs"] = fields(subscribe)
    api.statuses |= dict.fromkeys((path for path, _ in api.posts), 403)
    request, publish, ingest = load("request"), load("publish"), load("ingest")
    request.handler(websocket_event("$default", {"event": "ping"}), Context())
    logged["ApiRequestLogs"] = fields(request)
    publish.handler({"Records": [stream_record(None, first)]}, Context())
    logged["PublishLogs"] = fields(publish)
    held: dict[str, list[str]] = {"BTC_CAD": ["binance:BTCUSDT 18 held jump"]}
    ingest.report(TickReport(7, 1, True, 20, 30, {}, 0, 1, newly_held=held))
    logged["IngestLogs"] = fields(ingest)

    assert "missed" in logged["PublishLogs"]
    questions = questions_and_queries()
    assert len(questions) == 5
    for groups, query in questions:
        known = set().union(*(logged[group] for group in groups))
        assert fields_of(query) <= known | OF_INSIGHTS, query


def questions_and_queries() -> list[tuple[list[str], str]]:
    """The log groups and the query of each question. A second query asks the groups of the one before."""
    found: list[tuple[list[str], str]] = []
    for before, query in re.findall(r"([^`][^\n]*(?:\n[^\n]+)*)\n\n```\n(.*?)\n```", QUESTIONS, re.DOTALL):
        groups = re.findall(r"`(\w+Logs)`", before)
        found.append((groups or found[-1][0], query))
    return found


def fields_of(query: str) -> set[str]:
    """The names in a query that are neither words of the language nor made by it."""
    without_texts = re.sub(r'"[^"]*"', "", query)
    made = set(re.findall(r" as (\w+)", without_texts))
    names: set[Any] = set(re.findall(r"(?<![\w@])@?[A-Za-z_]\w*", without_texts))
    return names - made - set(LANGUAGE.split())
