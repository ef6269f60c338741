"""The content of each Lambda's bundle, which must suffice to import it."""

import json
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from infra.bundle import PYTHON_VERSION, ROOT, bundle
from tests.infra.synthesis import FUNCTIONS, Synthesised

MAX_ZIP_BYTES = 10_000_000
# The packages of the Python runtime: the SDK and its dependencies.
# https://docs.aws.amazon.com/lambda/latest/dg/python-package.html
RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")

AARCH64 = 0xB7  # e_machine of an ELF file: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
ASKING = ("ingest", "backfill")  # they ask exchanges

# Import a handler like the runtime: the bundle first, then the SDK; no other package and no network.
IMPORT = """
import importlib, json, os, sys
bundle, runtime, handler, variables = sys.argv[1:]
os.environ.clear()
os.environ.update(json.loads(variables), LAMBDA_TASK_ROOT=bundle, AWS_REGION="us-east-1",
    AWS_DEFAULT_REGION="us-east-1", AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test")
def no_network(event, _):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise RuntimeError(f"{event} while importing")
sys.addaudithook(no_network)
sys.path = [bundle, runtime, *sys.path]
module = importlib.import_module(handler.rpartition(".")[0])
assert callable(module.handler)
assert module.__file__.startswith(bundle)
print(",".join(sorted({name.split(".")[0] for name in sys.modules})))
"""


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the Lambda runtime's packages."""
    folder = tmp_path_factory.mktemp("runtime")
    for name in RUNTIME:
        spec = find_spec(name)
        assert spec
        assert spec.origin
        origin = Path(spec.origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        (folder / source.name).symlink_to(source)
    return folder


def imported(folder: Path, runtime: Path, handler: str, variables: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-I", "-S", "-B", "-c", IMPORT, str(folder), str(runtime), handler, variables]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def variables(stack: Synthesised, name: str) -> str:
    """Return the function's environment in the template, with a value for each reference."""
    given = stack.functions()[name]["Environment"]["Variables"]
    return json.dumps({key: value if isinstance(value, str) else "https://example.com" for key, value in given.items()})


@pytest.mark.parametrize("name", [*FUNCTIONS, "authorize"])
def test_a_bundle_imports_with_nothing_but_the_runtime_beside_it(
    stack: Synthesised, with_tokens: Synthesised, runtime: Path, name: str
) -> None:
    of = stack if name in FUNCTIONS else with_tokens
    result = imported(bundle(name), runtime, of.functions()[name]["Handler"], variables(of, name))
    assert result.returncode == 0, result.stderr
    modules = result.stdout.strip().split(",")
    assert {"aws_lambda_powertools", "boto3"} <= set(modules)


def test_a_dependency_that_the_bundle_lacks_is_noticed(stack: Synthesised, runtime: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(bundle("ingest"), folder, ignore=shutil.ignore_patterns("requests"))
    result = imported(folder, runtime, "functions.ingest.handler.handler", variables(stack, "ingest"))
    assert result.returncode != 0
    assert "No module named 'requests'" in result.stderr


@pytest.mark.parametrize("name", [*FUNCTIONS, "worker", "authorize"])
def test_a_bundle_holds_one_handler_and_shared(name: str) -> None:
    folder = bundle(name)
    assert {path.name for path in (folder / "functions").iterdir()} - {"__pycache__"} == {"__init__.py", name}
    own = {path.name for path in (ROOT / "functions" / name).glob("*.py")}
    assert {path.name for path in (folder / "functions" / name).glob("*.py")} == own
    assert files(folder / "shared") == files(ROOT / "shared")


def files(folder: Path) -> set[str]:
    """Return all files but byte code, which exists only if this Python has the Lambdas' version."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in found if path.suffix != ".pyc"}


@pytest.mark.parametrize("name", [*FUNCTIONS, "worker", "authorize"])
def test_a_bundle_holds_no_sdk_and_no_build_files(name: str) -> None:
    folder = bundle(name)
    top = {path.name for path in folder.iterdir()}
    assert not top & {"boto3", "botocore", "s3transfer", "pip", "bin", "infra", "tools", "web"}
    assert not [file for file in files(folder) if re.search(r"(^|/)(tests|bin)/|requirements", file)]
    assert ("requests" in top) == (name in ASKING)
    assert ("jwt" in top) == (name == "authorize")


@pytest.mark.parametrize("name", [*FUNCTIONS, "worker", "authorize"])
def test_compiled_code_is_for_the_lambda_platform(name: str) -> None:
    tag = f"cpython-{PYTHON_VERSION.replace('.', '')}-aarch64-linux-gnu.so"
    compiled = list(bundle(name).rglob("*.so"))
    assert bool(compiled) == (name in ASKING)
    assert [path.name for path in compiled if not path.name.endswith(tag)] == []
    for path in compiled:
        assert int.from_bytes(path.read_bytes()[18:20], "little") == AARCH64, path.name


@pytest.mark.parametrize("name", [*FUNCTIONS, "worker", "authorize"])
def test_a_bundle_is_small(name: str, tmp_path: Path) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / name), "zip", bundle(name)))
    size = archive.stat().st_size
    print(f"{name}: {size / 1e6:.1f} MB zipped")
    assert size < MAX_ZIP_BYTES


def test_the_lambdas_carry_the_versions_that_are_tested() -> None:
    def pins(path: Path) -> set[str]:
        return set(re.findall(r"^[\w.-]+==[\w.]+", path.read_text(encoding="utf-8"), re.MULTILINE))

    tested = pins(ROOT / "requirements.txt")
    for path in (ROOT / "functions").rglob("requirements.txt"):
        assert pins(path)
        assert pins(path) <= tested
