"""The rules for tests and their names that no linter checks."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
ROOMS = sorted(path.parent.name for path in (ROOT / "shared").glob("*/__init__.py"))
LONGEST_NAME, LONGEST_TITLE = 60, 80
# A title of vitest: the first text after `it(` or `describe(`, or after the table of `it.each(...)`.
TITLE = re.compile(
    r"""(?:\b(?:it|test|describe)(?:\.\w+)?\(|\]\s*(?:as const)?\)\()\s*(["'`])(?P<title>.*?)(?<!\\)\1""", re.DOTALL
)


def test_dependabot_looks_at_every_folder_that_pins_packages() -> None:
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text(encoding="utf-8"))["updates"]
    for ecosystem, pinned in (("pip", r"(.*/)?requirements[\w-]*\.txt"), ("npm", r"(.*/)?package-lock\.json")):
        (update,) = (each for each in updates if each["package-ecosystem"] == ecosystem)
        command = ["git", "ls-files"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
        folders = {f"/{name.rpartition('/')[0]}" for name in listed if re.fullmatch(pinned, name)}
        assert len(folders) > 2
        assert folders <= set(update["directories"])


def names_of_tests(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.name


def titles(text: str) -> list[str]:
    return [match["title"] for match in TITLE.finditer(text)]


def test_a_test_name_has_at_most_60_characters() -> None:
    """A one-line docstring says what does not fit."""
    names = [name for path in TESTS.rglob("test_*.py") for name in names_of_tests(path.read_text(encoding="utf-8"))]
    assert len(names) > 1_000
    assert [name for name in names if len(name) > LONGEST_NAME] == []


def test_a_test_title_of_the_page_has_at_most_80_characters() -> None:
    found = [
        title
        for path in (ROOT / "web" / "tests").rglob("*.test.ts")
        for title in titles(path.read_text(encoding="utf-8"))
    ]
    assert len(found) > 200
    assert [title for title in found if len(title) > LONGEST_TITLE] == []


@pytest.mark.parametrize(
    "call",
    [
        'it("a title", () => {})',
        'describe("a title", () => {})',
        'it.each([[1], [2]])("a title", (n) => {})',
        'it.for([\n  ["light", {}],\n] as const)("a title", async () => {})',
        'it(\n  "a title",\n  async () => {},\n)',
    ],
)
def test_a_title_is_found_in_every_kind_of_call(call: str) -> None:
    assert titles(call) == ["a title"]


@pytest.mark.parametrize("room", ROOMS)
def test_a_test_file_is_named_after_a_module_of_its_room(room: str) -> None:
    """`test_<module>.py`, or `test_<module>_<aspect>.py` for a second file of the same module."""
    modules = {path.stem for path in (ROOT / "shared" / room).glob("*.py")}
    files = [path.stem.removeprefix("test_") for path in (TESTS / room).glob("test_*.py")]
    assert files, f"tests/{room} has no test"
    assert [file for file in files if not any(f"{file}_".startswith(f"{module}_") for module in modules)] == []
