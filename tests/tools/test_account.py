"""Before a command changes an account it says which, what it does there and how to undo it, and asks."""

import io
import re
import sys
from pathlib import Path

import pytest
from moto import mock_aws

from tools.account import EFFECTS, main

MAKEFILE = (Path(__file__).parents[2] / "Makefile").read_text(encoding="utf-8")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_every_command_on_an_account_tells_its_effect() -> None:
    assert set(re.findall(r"-m tools\.account (\w+)", MAKEFILE)) == EFFECTS.keys()


def test_every_undoing_by_make_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)`", "".join(EFFECTS.values()))) <= targets


@pytest.mark.parametrize("act", EFFECTS)
@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("\n", 1), ("no\n", 1)])
def test_it_asks_after_it_has_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], act: str, answer: str, status: int
) -> None:
    monkeypatch.setattr(sys, "argv", ["account", act])
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setenv("AWS_REGION", "ca-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        assert main() == status
    told = capsys.readouterr().err
    assert re.search(r"^account +\d{12}$", told, re.MULTILINE)
    assert "ca-central-1" in told
    assert told.index(EFFECTS[act]) < told.index(f"{act} there? [y/N]")
