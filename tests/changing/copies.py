"""A copy of the repository in which a test makes a change, and the files that a list in `docs/changing` names."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LISTS = ROOT / "docs" / "changing"
INSTALLED = ("tools/node_modules", "web/node_modules")
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "node_modules", ".local", "cdk.out", ".*_cache", ".hypothesis")
BYTE_CODE = "__pycache__"  # it is copied, since each run would compile everything again
FEW_EXAMPLES = "3"  # of a property: what is tested here is whether a change breaks it at all
DEADLINE_S = 300
NODE = str(Path(sys.executable).with_name("node"))
# What holds the contracts to the code. Their own rooms try the parsers.
CONTRACTS = (
    *(f"tests/contract/test_{name}.py" for name in ("both_clients", "drift", "guide", "openapi")),
    "tests/contract/test_contract.py::test_asyncapis_parser_finds_no_error_and_no_warning",
)
# No test can notice that a line of the changelog is missing.
UNNOTICED = {"CHANGELOG.md"}


class Copy:
    """A copy of the repository, as it is on disk, at `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(ROOT, root, ignore=LEFT_OUT)
        for folder in INSTALLED:
            if (ROOT / folder).exists():
                (root / folder).symlink_to(ROOT / folder)

    def edit(self, path: str, *edits: tuple[str, str]) -> None:
        """Replace texts, each of which must be in the file exactly once."""
        text = (self.root / path).read_text(encoding="utf-8")
        for old, new in edits:
            assert text.count(old) == 1, f"{path} has this {text.count(old)} times, not once: {old}"
            text = text.replace(old, new)
        (self.root / path).write_text(text, encoding="utf-8")

    def write(self, path: str, text: str) -> None:
        """Write a new file."""
        assert not (self.root / path).exists(), f"{path} exists already"
        (self.root / path).write_text(text, encoding="utf-8")

    def undo(self, path: str) -> None:
        """Put a file back as it was before the change."""
        shutil.copyfile(ROOT / path, self.root / path)

    def changed(self) -> set[str]:
        """Return the files that are new or other than in the repository."""
        return {
            path
            for path in _files(self.root)
            if not (ROOT / path).exists() or (self.root / path).read_bytes() != (ROOT / path).read_bytes()
        }

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run Python in the copy; its modules come from the copy."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env=os.environ
            | {
                "PYTHONPATH": os.pathsep.join((str(self.root), str(self.root / "clients" / "python"))),
                "CADFEED_EXAMPLES": FEW_EXAMPLES,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE_S,
        )

    def tables(self, *, of_stacks: bool = False) -> None:
        """Update the generated tables, as the lists say. `of_stacks`: also those of what is deployed."""
        done = self.run("-c", f"from tools import tables; tables.main(of_stacks={of_stacks})")
        assert done.returncode == 0, done.stderr

    def assert_passes(self, *tests: str) -> None:
        """Run tests of the copy, all of which must pass."""
        done = self._tests(tests)
        assert done.returncode == 0, done.stdout + done.stderr

    def failing(self, *tests: str) -> set[str]:
        """Run tests of the copy and return the names of those that fail, without parameters."""
        done = self._tests(tests)
        assert done.returncode == 1, done.stdout + done.stderr
        return set(re.findall(r"^FAILED \S+::(\w+)", done.stdout, re.MULTILINE))

    def ask(self, code: str) -> Any:
        """Run code in the copy and return what it printed as JSON."""
        done = self.run("-c", code)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def node(self, code: str, *arguments: str) -> str:
        """Run TypeScript in the copy and return what it printed."""
        done = subprocess.run(
            [NODE, "--input-type=module-typescript", "--eval", code, "--", *arguments],
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE_S,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def _tests(self, tests: tuple[str, ...]) -> "subprocess.CompletedProcess[str]":
        return self.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--tb=short", *tests)


def with_line(copy: Copy, text: str) -> None:
    """Add a line to the changelog."""
    copy.edit("CHANGELOG.md", ("### Added\n\n", f"### Added\n\n- {text}\n"))


def listed(name: str, **names: str) -> set[str]:
    """Return the files that the numbered lines of a list name, with `NAME` and the like replaced."""
    text = (LISTS / name).read_text(encoding="utf-8")
    steps = re.findall(r"^\d+\. .*(?:\n   .*)*", text, re.MULTILINE)
    assert 0 < len(steps) <= 10, f"{name} has {len(steps)} steps"
    found: set[str] = set()
    for step in steps:
        paths = re.findall(r"`((?:[\w.-]+/)*[\w.-]+\.(?:py|json|yaml|md|ts|svg))`", step)
        assert paths, f"a step of {name} names no file: {step}"
        found |= {re.sub("NAME", names.get("NAME", "NAME"), path) for path in paths}
    return found


def _files(root: Path) -> Iterator[str]:
    for folder, inner, names in os.walk(root):
        ignored = {*LEFT_OUT(folder, [*inner, *names]), BYTE_CODE}
        inner[:] = [name for name in inner if name not in ignored and not (Path(folder) / name).is_symlink()]
        for name in names:
            if name not in ignored and not (Path(folder) / name).is_symlink():
                yield (Path(folder) / name).relative_to(root).as_posix()
