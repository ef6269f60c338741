"""The dashboard: it shows what the functions write, of its own stack only, and can be switched off."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from infra.bundle import ROOT
from shared.sources.all_sources import SOURCES
from tests.infra.synthesis import Synthesised, in_words, synthesise


def graphs(stack: Synthesised) -> dict[str, list[list[Any]]]:
    """The metrics of each graph, by its title, as CloudWatch reads them."""
    (board,) = stack.properties("AWS::CloudWatch::Dashboard").values()
    widgets = json.loads(in_words(board["DashboardBody"]))["widgets"]
    assert all(each["width"] == 8 and each["x"] + each["width"] <= 24 for each in widgets)
    return {each["properties"]["title"]: each["properties"]["metrics"] for each in widgets}


def test_it_answers_the_questions_of_an_operator(stack: Synthesised) -> None:
    assert graphs(stack).keys() == {
        "Quotes' age, ms", "Ticks in which a source was down", "Prices held, candles pending",
        "Posts by outcome", "Connections", "Messages of clients and requests for documents",
        "Tick, ms", "Fan-out, ms", "Time between snapshots, ms",
        "Messages a day", "Functions' run time a day, ms", "DynamoDB units a day",
    }  # fmt: skip
    assert len(graphs(stack)["Ticks in which a source was down"]) == len(SOURCES)


@pytest.mark.parametrize("name", ["stack", "sharded"])
def test_each_graph_shows_what_is_written(name: str, request: pytest.FixtureRequest) -> None:
    found: Synthesised = request.getfixturevalue(name)
    rooms = (ROOT / "functions", ROOT / "shared")
    code = "".join(path.read_text(encoding="utf-8") for room in rooms for path in room.rglob("*.py"))
    services = set()
    for metrics in graphs(found).values():
        for namespace, metric, *dimensions in metrics:
            if namespace != "Cadfeed":
                assert re.fullmatch(r"AWS/(Lambda|DynamoDB|ApiGateway)", namespace)
                continue
            assert re.search(rf'"{metric}"[:,]', code), metric
            services.add(dimensions[dimensions.index("service") + 1])
    assert services == {"ingest", "publish"} | ({"worker"} if name == "sharded" else set())


def test_it_shows_nothing_of_another_stack(stack: Synthesised, tmp_path: Path) -> None:
    other = graphs(synthesise(tmp_path, stack_name="Staging"))
    for title, metrics in graphs(stack).items():
        for metric in metrics:
            if metric[0] == "Cadfeed":
                assert metric not in other[title]
            else:
                assert any(str(part).startswith("<") for part in metric), metric


def test_a_setting_switches_it_off(tmp_path: Path) -> None:
    without = synthesise(tmp_path, dashboard=False).template
    without.resource_count_is("AWS::CloudWatch::Dashboard", 0)
    assert "DashboardUrl" not in without.find_outputs("*")
