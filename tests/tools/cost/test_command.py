"""`make cost` as a person runs it, and its output in the documentation."""

import json
import subprocess
import sys
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from shared.model.channels import RATES
from tools.cost import measured
from tools.cost.__main__ import main
from tools.cost.designs import Design, Service
from tools.cost.plot import plot
from tools.cost.report import crossovers
from tools.cost.workload import Options

ROOT = Path(__file__).parents[3]
BENCHMARKS = ROOT / "docs" / "benchmarks.md"


def test_the_table_has_each_design_at_each_size() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.cost", "--connections", "2500"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    for design in Design:
        rows = [line.split()[0] for line in done.stdout.splitlines() if f" {design.value} " in line]
        assert rows == ["100", "1,000", "2,500", "10,000", "100,000"]
    least = min(each.first for ranges in crossovers(Options(2_500)).values() for each in ranges)
    assert 10 < least < 1_000
    assert f"API Gateway is the cheapest of them below {least} connections." in done.stdout
    assert "warning" not in done.stdout


def test_json_has_the_dollars_of_each_service(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json", "--connections", "1000", "--channel", "rates"]) == 0
    answer = json.loads(capsys.readouterr().out)
    ours = next(one for one in answer["designs"] if (one["connections"], one["design"]) == (1000, "this design"))
    assert ours["services"].keys() == {service.value for service in Service}
    assert ours["total"] == pytest.approx(sum(ours["services"].values()), abs=0.01)
    found = crossovers(Options(1_000, channel=RATES))
    assert found[Design.FARGATE]
    assert answer["cheaper"] == {design.value: [asdict(each) for each in ranges] for design, ranges in found.items()}
    assert "of the account's quota" in answer["warning"]


def test_a_deployment_beyond_the_quota_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--connections", "1000", "--channel", "rates"]) == 0
    assert "warning: 1,000 connections on rates" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--connections", "many"), "not a whole number: many"),
        (("--connections", "-5"), "--connections"),
        (("--tick", "0"), "TICK is 0; it must be 1 to 60"),
        (("--channel", "candles"), "it must be rates or rates_batch"),
        (("--hours", "nan"), "not a number: nan"),
    ],
)
def test_wrong_options_are_explained(options: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(options)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_plot_that_cannot_be_written_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--plot", "/nowhere/plot.svg"]) == 1
    assert capsys.readouterr().err == "/nowhere/plot.svg: No such file or directory\n"


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


def test_the_plot_names_every_design() -> None:
    drawn = plot(Options(1_000))
    root = ET.fromstring(drawn)  # noqa: S314 - our own
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {design.value for design in Design} <= set(texts)
