"""`make cost` as a person runs it, and that the documentation shows what it says."""

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tools.cost import measured
from tools.cost.designs import Design, Service, bill
from tools.cost.plot import plot
from tools.cost.workload import Options

ROOT = Path(__file__).parent.parent.parent
BENCHMARKS = ROOT / "docs" / "benchmarks.md"
README = ROOT / "README.md"
SCALING = ROOT / "docs" / "scaling.md"
PLOT = ROOT / "docs" / "scaling.svg"


def run(*options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tools.cost", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_table_has_each_design_at_each_size_and_the_asked_one() -> None:
    done = run("--connections", "2500")
    assert done.returncode == 0, done.stderr
    for design in Design:
        rows = [line.split()[0] for line in done.stdout.splitlines() if f" {design.value} " in line]
        assert rows == ["100", "1,000", "2,500", "10,000", "100,000"]
    assert "API Gateway is the cheapest of them below 82 connections." in done.stdout
    assert "warning" not in done.stdout


def test_json_has_the_dollars_of_each_service() -> None:
    done = run("--json", "--connections", "1000", "--channel", "rates")
    answer = json.loads(done.stdout)
    ours = next(one for one in answer["designs"] if (one["connections"], one["design"]) == (1000, "this design"))
    assert ours["services"].keys() == {service.value for service in Service}
    assert ours["total"] == pytest.approx(sum(ours["services"].values()), abs=0.01)
    assert answer["cheaper"].keys() == {"AppSync Events", "IoT Core", "Fargate sockets", "Fargate, deflate"}
    assert answer["cheaper"]["Fargate sockets"] == [{"first": 3, "last": None}]
    assert "of the account's quota" in answer["warning"]


def test_a_deployment_beyond_the_quota_is_warned_of() -> None:
    assert "warning: 1,000 connections on rates" in run("--connections", "1000", "--channel", "rates").stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--connections", "many"), "not a whole number: many"),
        (("--connections", "-5"), "--connections"),
        (("--tick", "0"), "TICK is 0; it is 1 to 60"),
        (("--channel", "candles"), "it is rates or rates_batch"),
        (("--hours", "nan"), "not a number: nan"),
        (("--plot", "/nowhere/plot.svg"), "No such file"),
    ],
)
def test_wrong_options_are_explained(options: tuple[str, ...], said: str) -> None:
    done = run(*options)
    assert done.returncode
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_make_passes_its_variables_on() -> None:
    done = subprocess.run(
        ["make", "--dry-run", "cost", "CONNECTIONS=7", "TICK=2", "CHANNEL=rates", "ARGS=--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "--tick 2 --connections 7" in done.stdout
    assert "--channel rates --json" in done.stdout.replace("\\\n\t\t", "")


@pytest.mark.parametrize(
    ("assumed_s", "table", "row", "column"),
    [
        (measured.CPU_PER_POST_S, "### Growth", "100,000", "CPU µs per connection"),
        (measured.LOOP_CPU_PER_POST_S, "### Posts over TLS", "boto3, 50 threads", "CPU ms per 1,000 posts"),
    ],
)
def test_the_processor_time_of_a_post_is_what_the_benchmarks_say(
    assumed_s: Decimal, table: str, row: str, column: str
) -> None:
    _, _, below = BENCHMARKS.read_text(encoding="utf-8").partition(f"{table}\n\n")
    head, _, *rows = ([cell.strip() for cell in line.split("|")] for line in below.partition("\n\n")[0].splitlines())
    (measured_us,) = (each[head.index(column)] for each in rows if each[1] == row)
    assert float(assumed_s) == float(f"{float(measured_us) / 1e6:.1e}")


def test_the_documentation_shows_the_table_of_today() -> None:
    printed = [line.rstrip() for line in run().stdout.splitlines()]
    shown = [line.rstrip() for line in SCALING.read_text(encoding="utf-8").splitlines()]
    missing = [line for line in printed if line not in shown]
    assert not missing, "docs/scaling.md is not what `make cost` prints: put it there anew"


@pytest.mark.parametrize("connections", [100, 1_000, 10_000, 100_000])
def test_the_readme_shows_the_bill_of_today(connections: int) -> None:
    made = bill(Design.THIS, Options(connections))
    row = (made.total, made[Service.MESSAGES], made[Service.TRANSFER])
    shown = " | ".join((f"{connections:,}", *(f"{dollars:,.2f}" for dollars in row)))
    assert f"| {shown} |" in README.read_text(encoding="utf-8").splitlines()


def test_the_documentation_shows_the_plot_of_today() -> None:
    drawn = plot(Options(1_000))
    assert PLOT.read_text(encoding="utf-8") == drawn, "make cost ARGS='--plot docs/scaling.svg' draws it anew"
    root = ET.fromstring(drawn)  # noqa: S314 - our own
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {design.value for design in Design} <= set(texts)
