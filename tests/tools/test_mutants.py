"""`make mutants`: the list of survivors, and what is said about a run."""

import fnmatch
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools.mutants import room as rooms_of_mutants
from tools.mutants.report import as_text, rows
from tools.mutants.room import ROOT, TYPES, Mutant, Room, rooms
from tools.mutants.survivors import Change, listed, stale, unlisted

MUTATED = """
def x_half__mutmut_orig(whole: int) -> float:
    if whole < 0:
        return 0
    return whole / 2

def x_half__mutmut_1(whole: int) -> float:
    if whole <= 0:
        return 0
    return whole / 2

class Scale:
    def xǁScaleǁof__mutmut_orig(self, size: int) -> int:
        return size + 1

    def xǁScaleǁof__mutmut_1(self, size: int) -> int:
        return size - 1
"""
HALF = Change("shared.model.size.half", "if whole < 0:", "if whole <= 0:")
SCALE = Change("shared.model.size.Scale.of", "return size + 1", "return size - 1")
PATH = "shared/model/size.py"


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    """A room whose run has ended: its mutated file, and mutmut's exit codes beside it."""
    monkeypatch.setattr(rooms_of_mutants, "WORK", tmp_path)
    file = tmp_path / "model" / "mutants" / PATH
    file.parent.mkdir(parents=True)
    file.write_text(MUTATED, encoding="utf-8")
    names = ("shared.model.size.x_half__mutmut_1", "shared.model.size.xǁScaleǁof__mutmut_1")
    codes = {"exit_code_by_key": dict(zip(names, (0, 1), strict=True))}
    file.with_suffix(".py.meta").write_text(json.dumps(codes), encoding="utf-8")
    return Room("model", [PATH], ["tests/model"], [])


def test_a_survivor_is_named_by_its_place_and_its_lines(room: Room) -> None:
    """mutmut numbers the mutants of a function; a line that is added gives them other numbers."""
    found = room.results()
    assert [(mutant.path, mutant.outcome) for mutant in found] == [(PATH, "survived"), (PATH, "caught")]
    assert [room.change(mutant) for mutant in found] == [HALF, SCALE]


def test_another_case_of_a_text_does_not_count(room: Room) -> None:
    file = room.folder / "mutants" / PATH
    file.write_text(MUTATED.replace("return size + 1", "return 'a'").replace("return size - 1", "return 'A'"))
    assert [mutant.outcome for mutant in room.results()] == ["survived"]


@pytest.mark.parametrize(
    ("code", "outcome"),
    [(1, "caught"), (0, "survived"), (33, "untested"), (37, "typed"), (-24, "timed out"), (-9, "crashed")],
)
def test_an_exit_code_of_mutmut_is_an_outcome(room: Room, code: int, outcome: str) -> None:
    (meta,) = room.folder.rglob("*.meta")
    meta.write_text(json.dumps({"exit_code_by_key": {"shared.model.size.x_half__mutmut_1": code}}), encoding="utf-8")
    assert [mutant.outcome for mutant in room.results()] == [outcome]


def test_mypy_allows_the_declarations_of_several_mutants(tmp_path: Path) -> None:
    """A class with mutants has several, and each declares the attributes."""
    mutants = ("self._of: int = 1", "self._of: int = 2", "self._of: int = None")
    for folder in ("shared", "functions"):
        (tmp_path / folder).mkdir()
    (tmp_path / "shared" / "scale.py").write_text(
        "class Scale:\n"
        + "".join(f"    def init_{n}(self) -> None:\n        {line}\n" for n, line in enumerate(mutants))
    )
    (tmp_path / "functions" / "empty.py").write_text("")
    found = subprocess.run(
        [sys.executable, "-m", *TYPES], cwd=tmp_path, capture_output=True, text=True, check=False
    ).stdout
    assert [json.loads(line)["line"] for line in found.splitlines()] == [7]


def test_only_survivors_run_again(room: Room) -> None:
    room.prepare(afresh=False)
    assert [mutant.outcome for mutant in room.results()] == ["unchecked", "caught"]


def test_a_survivor_without_a_reason_is_unlisted(tmp_path: Path) -> None:
    file = tmp_path / "survivors.toml"
    entry = HALF.as_entry().replace("why = ''", "why = 'half of nothing is nothing'")
    file.write_text(entry, encoding="utf-8")
    reasons = listed(file)
    assert reasons == {HALF: "half of nothing is nothing"}
    assert unlisted([HALF, SCALE, SCALE], reasons) == [SCALE]
    assert stale(reasons, [HALF], ["shared.model.size"]) == []
    assert stale(reasons, [SCALE], ["shared.model.size"]) == [HALF]
    assert stale(reasons, [], ["shared.model.sizes"]) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HALF.as_entry(), "no reason"),
        (f"{HALF.as_entry()}\n".replace("''", "'x'") * 2, "twice"),
        ("[[survivor]]\nplace = 'x'", "needs the texts"),
        ("[[survivor", "Expected"),
    ],
)
def test_a_wrong_list_is_refused(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "survivors.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=says):
        listed(file)


@pytest.mark.parametrize("text", ["a 'quoted' word", "'''", "a 'x' and \"y\" ''' \\d"])
def test_an_entry_may_hold_any_quotes(tmp_path: Path, text: str) -> None:
    file = tmp_path / "survivors.toml"
    change = Change("shared.model.size.half", text, f"not {text}")
    file.write_text(change.as_entry().removesuffix("''") + "'x'", encoding="utf-8")
    assert list(listed(file)) == [change]


def test_the_table_counts_what_no_test_reaches_as_survived() -> None:
    outcomes = ("caught", "caught", "timed out", "untested", "typed", "crashed")
    mutants = [Mutant(str(number), PATH, outcome) for number, outcome in enumerate(outcomes)]
    *_, total = rows([*mutants, Mutant("x", "shared/model/other.py", "survived")])
    assert (total.mutants, total.caught, total.timed_out, total.survived, total.share) == (6, 2, 1, 3, 50.0)
    assert " ".join(as_text(rows(mutants)).splitlines()[-1].split()) == "| all | 5 | 2 | 1 | 2 | 60.0 |"


def test_each_listed_survivor_changes_a_line_that_exists() -> None:
    for change in listed():
        module = next(
            path
            for path in (ROOT / "shared", ROOT / "functions")
            for path in path.rglob("*.py")
            if change.place.startswith(f"{'.'.join(path.relative_to(ROOT).with_suffix('').parts)}.")
        )
        lines = " ".join(line.strip() for line in module.read_text(encoding="utf-8").splitlines())
        assert change.was in lines, change


def test_each_room_has_files_and_tests() -> None:
    found = rooms()
    assert len({room.name for room in found}) == len(found) > 4
    for room in found:
        chosen = room.only("")
        assert chosen
        assert all(any(fnmatch.fnmatch(file, pattern) for pattern in room.mutated) for file in chosen.mutated)
        assert all(list(ROOT.glob(pattern)) for pattern in room.mutated)
        assert all((ROOT / path).exists() for path in [*room.tests, *room.without])
        assert all(any(path.startswith(f"{tests}/") for tests in room.tests) for path in room.without)
    assert [room.name for room in found if room.only("shared/gateway/")] == ["gateway"]
    assert not [room.name for room in found if room.only("shared/nothing")]
