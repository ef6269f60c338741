"""What the Lambdas carry is what was tested, all that they need, and no more."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
RUNTIME = {"boto3", "botocore"}  # and what they need: the runtime brings it
# The Lambdas' Python; markers are judged for it, not for the one that runs this.
PLATFORM = {
    "python_version": "3.14",
    "python_full_version": "3.14.0",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "os_name": "posix",
    "platform_machine": "aarch64",
    "extra": "",
}
# What is asked for; the rest of each file is what that needs.
FILES = {
    "functions/requirements.txt": {"aws-lambda-powertools"},
    "functions/ingest/requirements.txt": {"requests"},
}


def pins(name: str) -> dict[str, str]:
    """Package and version of every line."""
    found: dict[str, str] = {}
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        text = line.split(" #")[0].rstrip(" \\")
        if not text or text[0] in "#- ":
            continue
        requirement = Requirement(text)
        assert re.fullmatch(r"==[0-9][^*,]*", str(requirement.specifier)), f"not pinned: {text}"
        if requirement.marker is None or requirement.marker.evaluate(PLATFORM):
            found[canonicalize_name(requirement.name)] = str(requirement.specifier).removeprefix("==")
    return found


def needed(names: Iterable[str]) -> set[str]:
    """These packages and all that they need on the Lambdas' platform."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name not in found:
            found.add(name)
            requirements = map(Requirement, requires(name) or [])
            waiting += [r.name for r in requirements if r.marker is None or r.marker.evaluate(PLATFORM)]
    return found


def imported(path: Path) -> Iterator[str]:
    """The top-level packages that a file imports when it runs, not only when types are checked."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        node
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for statement in block.body
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if node not in for_types and isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif node not in for_types and isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("name", FILES)
def test_the_lambdas_carry_the_versions_that_are_tested(name: str) -> None:
    locked = pins("requirements.txt")
    assert pins(name)
    assert {package: locked.get(package) for package in pins(name)} == pins(name)


@pytest.mark.parametrize(("name", "roots"), FILES.items())
def test_what_they_carry_lacks_nothing_and_has_nothing_to_spare(name: str, roots: set[str]) -> None:
    carried = pins(name).keys()
    every = pins("functions/requirements.txt").keys()
    assert needed(roots) - needed(RUNTIME) <= carried | every
    assert carried <= needed(roots)


@pytest.mark.parametrize("name", [name for name in FILES if name != "functions/requirements.txt"])
def test_no_function_carries_a_package_twice(name: str) -> None:
    assert not pins("functions/requirements.txt").keys() & pins(name).keys()


def test_every_import_of_the_lambdas_is_carried_or_of_the_runtime() -> None:
    carried = set().union(*(pins(name) for name in FILES)) | RUNTIME
    distributions = packages_distributions()
    own = {"shared", "functions"}
    third_party = {
        package
        for folder in own
        for path in (ROOT / folder).rglob("*.py")
        for package in imported(path)
        if package not in sys.stdlib_module_names | own
    }
    assert "requests" in third_party
    for package in third_party:
        assert {canonicalize_name(name) for name in distributions[package]} & carried, package


def test_only_the_ingest_needs_requests() -> None:
    names = sorted(path.parent.name for path in (ROOT / "functions").glob("*/handler.py"))
    others = [name for name in names if name != "ingest"]
    assert len(others) == 6
    lines = [f"import functions.{name}.handler" for name in others]
    lines.append("import sys; print('requests' in sys.modules)")
    environment = {
        "AWS_DEFAULT_REGION": "ca-central-1",
        "QUOTES_TABLE": "quotes",
        "CONNECTIONS_TABLE": "connections",
        "CONNECTION_SHARDS": "1",
        "POST_RATE": "7000",
        "POST_BURST": "3500",
        "CONNECTIONS_URL": "https://example.com/live",
        "INGEST_FUNCTION": "ingest",
        "MESSAGES_PER_SECOND": "5",
        "MESSAGE_BURST": "10",
        "TICK_SECONDS": "5",
        "STALE_AFTER_SECONDS": "30",
        "PATH": os.environ["PATH"],
    }
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "False"), done.stderr
