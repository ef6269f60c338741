"""Check the prose of files, or of all rooms: `python -m tools.prose [FILE ...]`. Prints a line per finding."""

import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from proselint.checks import __register__ as proselint_checks
from proselint.config import DEFAULT, Config
from proselint.registry import CheckRegistry
from proselint.tools import LintFile

from tools.prose.texts import is_checked, prose_of
from tools.prose.words import PREFIX, ROOT, own_checks

# The whole repository but the examples of refused prose.
ROOMS = (".", ":!tests/tools/test_prose.py")
# Checks of proselint that judge typography, stumble over code, or take longer than all others together.
OFF = (
    "typography",
    "annotations",
    "restricted",
    "lexical_illusions",
    "weasel_words",
    "uncomparables",
    "misc.preferred_forms",
    "spelling.consistency",
    "dates_times",
    "industrial_language.chatspeak",
    "needless_variants",
)
MOST_FINDINGS = 100_000


def main(arguments: list[str]) -> int:
    """Print what is wrong. Returns 1 when anything is, else 0."""
    _register_once()
    found = list(_findings(map(Path, arguments) if arguments else _tracked()))
    for line in found:
        print(line)
    if found:
        print(f"{len(found)} to rewrite; the words are in docs/ARCHITECTURE.md (glossary) and tools/prose/words.toml")
    return int(bool(found))


@cache
def _register_once() -> None:
    """proselint has one registry for the whole process."""
    CheckRegistry().register_many((*proselint_checks, *own_checks()))


def _tracked() -> Iterator[Path]:
    """The files of the rooms that git knows."""
    listed = subprocess.run(  # noqa: S603 - all of it is ours
        ["git", "ls-files", "-z", "--", *ROOMS],  # noqa: S607
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return (ROOT / name for name in listed.stdout.split("\0") if name)


def _findings(paths: Iterable[Path]) -> Iterator[str]:
    # The first name that fits a check decides, so those that are off come first.
    checks = dict.fromkeys(OFF, False) | {name: name not in OFF for name in DEFAULT["checks"]}
    config = Config(max_errors=MOST_FINDINGS, checks={**checks, PREFIX: True})
    for path in paths:
        if not (path.is_file() and is_checked(path)):
            continue
        content = path.read_text(encoding="utf-8")
        prose = prose_of(path, content)
        if not prose.strip("\0\n "):
            continue
        for finding in LintFile(str(path), prose).lint(config):
            line, column = finding.pos
            result = finding.check_result
            name = path.resolve().relative_to(ROOT) if path.resolve().is_relative_to(ROOT) else path
            words = " ".join(prose[result.span[0] - 1 : result.span[1] - 1].replace("\0", " ").split())
            yield f'{name}:{line}:{column}: "{words}": {result.message} [{result.check_path}]'


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
