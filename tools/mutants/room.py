"""One room's mutants: a working copy of the repository, mutmut in it, and what became of each mutant."""

import ast
import difflib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path

from tools.mutants.plugin import LONGEST_TEST_S
from tools.mutants.survivors import Change

ROOT = Path(__file__).parents[2]
WORK = ROOT / ".local" / "mutants"
ROOMS = Path(__file__).parent / "rooms.toml"
CHILDREN = 2
# A mutant may take (the time of its tests + this) times the factor. Then it is tried once more with the second factor,
# since a busy machine stops, too; what needs more than that hangs, and counts as caught.
LIMIT_S, LIMIT_FACTORS = 4.0, (4.0, 12.0)
# A survivor runs every test that reaches it. So the longer ones run only for what the others do not notice.
LONGEST_FIRST_S = "1"
# Beside the mutated code, what tests read.
READ_BY_TESTS = ("clients", "docs", "infra", "tools", "web", "cdk.json", "Makefile")
# Log lines, and errors with their texts.
UNMUTATED_LINES = (r"\blogger\.\w+\(", r"\braise \w+\(")
# Not an error of the mutant: each one of an `__init__` declares the attributes again.
ALLOWED_BY_MYPY = ("unused-ignore", "no-redef")
TYPES = (
    "mypy",
    "shared",
    "functions",
    "--output",
    "json",
    *(f"--disable-error-code={each}" for each in ALLOWED_BY_MYPY),
)
OUTCOMES = {0: "survived", 1: "caught", 3: "caught", 5: "untested", 33: "untested", 37: "typed", None: "unchecked"}
TIMED_OUT = (-24, 24, 36, 152, 255)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of the code in a file, by mutmut's name for it. The outcome: `caught` by a test, `typed` (mypy refuses
    it), `timed out`, `survived`, `untested` (no test reaches it), `unchecked` or `crashed`."""

    name: str
    path: str
    outcome: str


@dataclass(frozen=True)
class Room:
    """A part of the code with the tests that have to notice its mutants."""

    name: str
    mutated: list[str]
    tests: list[str]
    without: list[str]

    def only(self, start: str) -> "Room | None":
        """The same with the files whose paths begin with this; `None` if there are none."""
        files = {str(path.relative_to(ROOT)) for pattern in self.mutated for path in ROOT.glob(pattern)}
        chosen = sorted(path for path in files if path.startswith(start))
        return replace(self, mutated=chosen) if chosen else None

    @property
    def folder(self) -> Path:
        """The working copy."""
        return WORK / self.name

    def prepare(self, *, afresh: bool) -> None:
        """Make the working copy; `afresh` forgets the results of earlier runs, else only survivors run again."""
        if afresh:
            shutil.rmtree(self.folder, ignore_errors=True)
        copy = self.folder / "mutants"
        copy.mkdir(parents=True, exist_ok=True)
        for name in ("shared", "functions", "tests", "pyproject.toml"):
            _link(self.folder / name, ROOT / name)
        for name in READ_BY_TESTS:
            _link(copy / name, ROOT / name)
        self._forget(("survived", "untested", "timed out", "crashed"))

    def run(self) -> int:
        """Run mutmut on the working copy; its progress goes to this terminal. Returns its exit code."""
        first, second = LIMIT_FACTORS
        code = self._mutmut(first, {LONGEST_TEST_S: LONGEST_FIRST_S})
        for outcomes, factor in ((("survived", "untested"), first), (("timed out",), second)):
            if code == 0 and any(mutant.outcome in outcomes for mutant in self.results()):
                self._forget(outcomes)
                code = self._mutmut(factor, {})
        return code

    def _mutmut(self, limit_factor: float, settings: Mapping[str, str]) -> int:
        (self.folder / "setup.cfg").write_text(self._settings(limit_factor), encoding="utf-8")
        command = ["mutmut", "run", "--max-children", str(CHILDREN)]
        environment = {**os.environ, **settings, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        return subprocess.run(command, cwd=self.folder, env=environment, check=False).returncode  # noqa: S603 - fixed

    def results(self) -> list[Mutant]:
        """Every mutant of the room's files with its outcome.

        Not those that only change the case of a text: DynamoDB's keywords have none, and another mutant changes the
        same text wholly.
        """
        copy = self.folder / "mutants"
        metas = {str(meta.relative_to(copy)).removesuffix(".meta"): meta for meta in sorted(copy.rglob("*.py.meta"))}
        every = [
            Mutant(name, path, _outcome(code))
            for path, meta in metas.items()
            if any(fnmatch(path, pattern) for pattern in self.mutated)
            for name, code in json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"].items()
        ]
        return [mutant for mutant in every if not self._is_case(mutant)]

    def _is_case(self, mutant: Mutant) -> bool:
        was, became = self._texts(mutant)
        return was != became and "".join(was).casefold() == "".join(became).casefold()

    def change(self, mutant: Mutant) -> Change:
        """Compare a mutant with the code that it was made of."""
        module, place = _place(mutant)
        lines = [line for line in difflib.ndiff(*self._texts(mutant)) if line[0] in "-+"]
        taken, put = (" ".join(line[1:].strip() for line in lines if line[0] == sign) for sign in "-+")
        return Change(f"{module}.{place}", taken, put)

    def _texts(self, mutant: Mutant) -> tuple[list[str], list[str]]:
        """The lines of the function before the change and after it, under its own name."""
        functions, (_, place) = self._functions(mutant.path), _place(mutant)
        name = mutant.name.rpartition(".")[2]
        original = f"{name.rpartition('__mutmut_')[0]}__mutmut_orig"
        was, became = (
            [line.replace(each, place.rpartition(".")[2]) for line in functions[each]] for each in (original, name)
        )
        return was, became

    def _functions(self, path: str) -> dict[str, list[str]]:
        """The lines of each function of a mutated file, by name."""
        if path not in self._parsed:
            self._parsed[path] = _functions_of((self.folder / "mutants" / path).read_text(encoding="utf-8"))
        return self._parsed[path]

    @cached_property
    def _parsed(self) -> dict[str, dict[str, list[str]]]:
        return {}

    def _forget(self, outcomes: Sequence[str]) -> None:
        """Let the mutants with these outcomes run again."""
        for meta in self.folder.rglob("*.py.meta"):
            stored = json.loads(meta.read_text(encoding="utf-8"))
            codes = stored["exit_code_by_key"].items()
            stored["exit_code_by_key"] = {name: None if _outcome(code) in outcomes else code for name, code in codes}
            meta.write_text(json.dumps(stored), encoding="utf-8")

    def _settings(self, limit_factor: float) -> str:
        left_out = [f"--ignore={path}" for path in self.without]
        values = {
            "source_paths": ["shared", "functions"],
            "only_mutate": self.mutated,
            "pytest_add_cli_args": ["-p", "tools.mutants.plugin", "-p", "no:cacheprovider", *left_out],
            "pytest_add_cli_args_test_selection": self.tests,
            "do_not_mutate_patterns": UNMUTATED_LINES,
            "type_check_command": TYPES,
            "timeout_constant": [str(LIMIT_S)],
            "timeout_multiplier": [str(limit_factor)],
            "track_dependencies": ["false"],
            "use_git_change_detection": ["false"],
            "on_dependency_change": ["ignore"],
        }
        texts = (f"{key} =" + "".join(f"\n    {value}" for value in each) for key, each in values.items())
        return "[mutmut]\n" + "\n".join(texts) + "\n"


def rooms() -> list[Room]:
    """All rooms of `rooms.toml`, in its order."""
    return [Room(name, **values) for name, values in tomllib.loads(ROOMS.read_text(encoding="utf-8")).items()]


def _link(place: Path, target: Path) -> None:
    if not place.is_symlink():
        place.symlink_to(target)


def _place(mutant: Mutant) -> tuple[str, str]:
    """The module, and the function or the class and its method: `x_half` is `half`, `xǁScaleǁof` is `Scale.of`."""
    module, _, function = mutant.name.rpartition(".")
    mangled = function.rpartition("__mutmut_")[0]
    return module, mangled.removeprefix("x_").removeprefix("xǁ").replace("ǁ", ".")


def _outcome(code: int | None) -> str:
    return "timed out" if code in TIMED_OUT else OUTCOMES.get(code, "crashed")


def _functions_of(code: str) -> dict[str, list[str]]:
    lines = code.splitlines()
    return {
        node.name: lines[node.lineno - 1 : node.end_lineno]
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
