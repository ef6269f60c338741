"""The Lambdas carry the tested versions of all that they need, and no more."""

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

from tools.supply.places import requirement_files

ROOT = Path(__file__).parents[2]
RUNTIME = {"boto3", "botocore"}  # and their dependencies, which the runtime has
# The Lambdas' Python, for which markers are evaluated.
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
LOCKED = tuple(
    path.relative_to(ROOT).as_posix() for path in requirement_files() if not path.is_relative_to(ROOT / "functions")
)
# The direct requirements; the rest of each file are their dependencies.
FILES = {
    "functions/requirements.txt": {"aws-lambda-powertools"},
    "functions/authorize/requirements.txt": {"pyjwt"},
    "functions/ingest/requirements.txt": {"requests"},
    "functions/backfill/requirements.txt": {"requests"},
}


def pins(name: str) -> dict[str, str]:
    """Return package and version of every line."""
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


def with_dependencies(names: Iterable[str]) -> set[str]:
    """Return these packages and their dependencies on the Lambdas' platform."""
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
    """Yield the top-level packages that a file imports at run time."""
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


def locked(name: str) -> dict[str, list[str]]:
    """Each requirement of a locked file, with its marker, and its hashes."""
    lines = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", "").splitlines()
    split = (line.split("--hash=") for line in lines if line and not line.lstrip().startswith("#"))
    return {requirement.strip(): [digest.strip() for digest in hashes] for requirement, *hashes in split}


@pytest.mark.parametrize("name", LOCKED)
def test_every_package_is_pinned_with_its_hashes_and_no_address(name: str) -> None:
    assert locked(name)
    for requirement, hashes in locked(name).items():
        assert re.fullmatch(r"[a-z0-9.-]+==[0-9][^ *,]*( ; .+)?", requirement), requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in hashes), requirement


@pytest.mark.parametrize("name", ["requirements-uv.txt", "requirements-run.txt"])
def test_what_runs_is_installed_as_it_is_tested(name: str) -> None:
    assert locked(name).items() <= locked("requirements.txt").items()


@pytest.mark.parametrize("name", FILES)
def test_the_lambdas_carry_the_versions_that_are_tested(name: str) -> None:
    locked = pins("requirements.txt")
    assert pins(name)
    assert {package: locked.get(package) for package in pins(name)} == pins(name)


@pytest.mark.parametrize(("name", "roots"), FILES.items())
def test_the_lambdas_carry_exactly_what_they_need(name: str, roots: set[str]) -> None:
    carried = pins(name).keys()
    every = pins("functions/requirements.txt").keys()
    assert with_dependencies(roots) - with_dependencies(RUNTIME) <= carried | every
    assert carried <= with_dependencies(roots)


@pytest.mark.parametrize("name", [name for name in FILES if name != "functions/requirements.txt"])
def test_no_function_carries_a_package_twice(name: str) -> None:
    assert not pins("functions/requirements.txt").keys() & pins(name).keys()


def test_every_import_of_a_lambda_is_bundled_or_in_the_runtime() -> None:
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


def test_only_what_asks_exchanges_needs_requests() -> None:
    names = sorted(path.parent.name for path in (ROOT / "functions").glob("*/handler.py"))
    others = [name for name in names if name not in ("backfill", "ingest")]
    assert len(others) == 8
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
        "MESSAGES_PER_MINUTE": "5",
        "MESSAGE_BURST": "10",
        "TICK_SECONDS": "5",
        "STALE_AFTER_SECONDS": "30",
        "TOKEN_KEYS": "keys",
        "AUDIENCE": "Cadfeed",
        "PATH": os.environ["PATH"],
    }
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "False"), done.stderr
