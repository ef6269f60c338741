"""`make backup` and `make restore`: what they say, and what they do when something is not as it should be."""

import re
from decimal import Decimal
from pathlib import Path

import boto3
import pytest
from mypy_boto3_dynamodb.service_resource import DynamoDBServiceResource, Table

from shared.model.candles import Candle
from shared.store.candles_table import CandlesTable
from tests.tables import create_table
from tools.backup import __main__ as module
from tools.backup.__main__ import main
from tools.backup.file import OWN, read, read_header
from tools.deployment import Deployment

BTC = "BTC_CAD"
SETTINGS = {"tick_seconds": 2, "alarm_email": "ops@example.com", "site": False, "stack_name": "Mine"}


class Deployed:
    """Two stacks whose tables are moto's."""

    def __init__(self, database: DynamoDBServiceResource) -> None:
        self.tables = {name: create_table(database, f"{name}-quotes") for name in ("Mine", "Other")}

    def __call__(self, stack: str, _: Path) -> Deployment:
        settings = SETTINGS if stack == "Mine" else {"site": False}
        session = boto3.Session(region_name="ca-central-1")
        return Deployment(stack, "ca-central-1", f"{stack}-quotes", settings, {}, {}, False, session, None)


@pytest.fixture
def tables(aws: DynamoDBServiceResource, monkeypatch: pytest.MonkeyPatch) -> dict[str, Table]:
    deployed = Deployed(aws)
    monkeypatch.setattr(module, "find", deployed)
    price = Decimal("0.000012973284")
    CandlesTable(deployed.tables["Mine"]).write(
        [(BTC, "1d", Candle(n * 86_400_000, price, price, price, price, 9)) for n in range(3)]
    )
    return deployed.tables


def test_a_deployment_is_saved_and_restored_into_another(
    tables: dict[str, Table], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "one.jsonl.gz"
    assert main(["save", "--stack=Mine", f"--file={file}"]) == 0
    assert re.search(rf"3 own and 0 past candles to {file} \([\d,]+ bytes\)", capsys.readouterr().err)
    assert read_header(file).settings == SETTINGS
    assert main(["restore", "--stack=Other", f"--file={file}"]) == 0
    told = capsys.readouterr().err
    assert "restored 3 own and 0 past candles; 0 were there, 0 had expired" in told
    assert "make deploy ARGS='-c tick_seconds=2 -c alarm_email=ops@example.com'" in told
    assert tables["Other"].scan()["Count"] == 3


def test_settings_that_are_there_are_not_named_again(
    tables: dict[str, Table], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "one.jsonl.gz"
    main(["save", "--stack=Mine", f"--file={file}"])
    assert main(["restore", "--stack=Mine", f"--file={file}"]) == 0
    told = capsys.readouterr().err
    assert "0 own and 0 past candles; 3 were there" in told
    assert "make deploy" not in told
    assert tables["Mine"].scan()["Count"] == 3


@pytest.mark.usefixtures("tables")
def test_without_a_name_the_file_says_its_stack_and_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "FOLDER", tmp_path / "backups")
    assert main(["save", "--stack=Mine"]) == 0
    [file] = (tmp_path / "backups").iterdir()
    assert re.fullmatch(r"Mine-\d{8}T\d{6}Z\.jsonl\.gz", file.name)
    assert [each.kind for each in read(file)] == [OWN] * 3


def test_a_file_that_is_cut_restores_nothing(
    tables: dict[str, Table], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "one.jsonl.gz"
    main(["save", "--stack=Mine", f"--file={file}"])
    file.write_bytes(file.read_bytes()[:-20])
    assert main(["restore", "--stack=Other", f"--file={file}"]) == 1
    assert "nothing was restored" in " ".join(capsys.readouterr().err.split())
    assert tables["Other"].scan()["Count"] == 0


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["restore", "--stack=Mine"], "name the file to restore: FILE="),
        (["restore", "--stack=Mine", "--file=/nowhere/one.gz"], "No such file"),
    ],
)
def test_a_missing_file_is_named(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 1
    assert said in capsys.readouterr().err


def test_a_table_that_is_gone_is_an_error_in_words(
    tables: dict[str, Table], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tables["Mine"].delete()
    assert main(["save", "--stack=Mine", f"--file={tmp_path / 'one.gz'}"]) == 1
    assert "DynamoDB did not do it: " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_make_passes_the_stack_and_the_file_on() -> None:
    makefile = (Path(module.__file__).parents[2] / "Makefile").read_text(encoding="utf-8")
    for name, command in (("backup", "save"), ("restore", "restore")):
        recipe = makefile[makefile.index(f"\n{name}: ") :].split("\n\n")[0]
        assert f"-m tools.backup {command} $(if $(STACK),--stack $(STACK)) $(if $(FILE),--file $(FILE))" in recipe
