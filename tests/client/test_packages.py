"""The clients as packages: what is in them, the names that both have, and types that hold outside of here."""

import json
import re
import sys
import tarfile
import zipfile

import pytest

import cadfeed_client
from cadfeed_client import Feed, FeedError
from tests.packaged import NODE, WEB_MODULES, Installed, python_client, typescript_client
from tools.packages import PYTHON, ROOT, TYPESCRIPT

INDEX = TYPESCRIPT / "src" / "index.ts"
EXPORTS = re.compile(r"^export (?:type )?\{(.*?)\}", re.DOTALL | re.MULTILINE)
# Python has no browser, whose programs watch without a loop and need a clock; TypeScript has no second way to wait. In
# Python `is_backfilled` is a property of a candle.
ONLY_PYTHON = {"Kind", "SyncFeed"}
ONLY_TYPESCRIPT = {"Answers", "Observer", "Options", "isBackfilled", "steadyNow"}
VERSION = re.compile(r"^## \[(\d.*?)\]", re.MULTILINE)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return python_client(tmp_path_factory.mktemp("packages") / "python")


@pytest.fixture(scope="module")
def typescript(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return typescript_client(tmp_path_factory.mktemp("packages") / "typescript")


def typescript_names() -> set[str]:
    """What the TypeScript client exports."""
    lists = EXPORTS.findall(INDEX.read_text(encoding="utf-8"))
    return {name.strip() for names in lists for name in names.split(",") if name.strip()}


def test_both_clients_export_the_same_names() -> None:
    python_names = set(cadfeed_client.__all__)
    assert python_names - ONLY_PYTHON == typescript_names() - ONLY_TYPESCRIPT
    assert python_names >= ONLY_PYTHON
    assert typescript_names() >= ONLY_TYPESCRIPT
    assert all(hasattr(cadfeed_client, name) for name in python_names)


def test_both_clients_have_the_same_errors() -> None:
    text = (TYPESCRIPT / "src" / "errors.ts").read_text(encoding="utf-8")
    tree = {(name, base) for name, base in re.findall(r"class (\w+) extends (\w+)", text) if base != "Error"}
    assert tree == {(each.__name__, "FeedError") for each in FeedError.__subclasses__()}


@pytest.mark.parametrize("name", ["book", "state", "changes", "request", "explain"])
def test_both_feeds_have_the_same_members(name: str) -> None:
    assert hasattr(Feed, name)
    assert hasattr(cadfeed_client.SyncFeed, name)
    text = (TYPESCRIPT / "src" / "feed.ts").read_text(encoding="utf-8")
    assert re.search(rf"^  (?:get |async \*?)?{name}[<(]", text, re.MULTILINE)


def test_the_wheel_holds_the_package_and_nothing_else(python: Installed) -> None:
    (wheel,) = python.folder.glob("*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == {str(path.relative_to(PYTHON)) for path in (PYTHON / "cadfeed_client").glob("*.*")}
    assert "cadfeed_client/py.typed" in names
    version = python.run(python.runner, "-c", "import cadfeed_client; print(cadfeed_client.__version__)")
    assert wheel.name == f"cadfeed_client-{version.stdout.strip()}-py3-none-any.whl"


def test_the_tarball_holds_the_build_and_no_dependency(typescript: Installed) -> None:
    (tarball,) = typescript.folder.glob("*.tgz")
    with tarfile.open(tarball) as archive:
        names = {name.removeprefix("package/") for name in archive.getnames()}
    built = {f"dist/{path.stem}{ending}" for path in (TYPESCRIPT / "src").glob("*.ts") for ending in (".js", ".d.ts")}
    assert names == built | {"package.json", "README.md", "CHANGELOG.md", "LICENSE", "examples/quotes.ts"}
    manifest = json.loads((typescript.package / "package.json").read_text())
    assert not {name for name in manifest if "ependencies" in name}
    assert sorted(path.name for path in (typescript.folder / "node_modules").iterdir()) == [
        ".package-lock.json",
        "cadfeed-client",
    ]


def test_versions_are_those_of_the_changelogs() -> None:
    manifest = json.loads((TYPESCRIPT / "package.json").read_text())
    versions = {PYTHON: cadfeed_client.__version__, TYPESCRIPT: manifest["version"]}
    for client, version in versions.items():
        assert VERSION.findall((client / "CHANGELOG.md").read_text(encoding="utf-8"))[0] == version
        assert (client / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert manifest["name"] == "cadfeed-client"


def test_mypy_finds_the_types_of_the_wheel(python: Installed) -> None:
    options = [
        "--strict",
        "--config-file=",
        f"--python-executable={python.runner}",
        "--cache-dir=.mypy_cache",
    ]
    checked = python.run(sys.executable, "-m", "mypy", *options, *python.programs)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    (python.folder / "wrong.py").write_text("from cadfeed_client import Quote\nwrong: int = Quote.spot\n")
    assert python.run(sys.executable, "-m", "mypy", *options, "wrong.py").returncode == 1


def test_pyright_finds_the_types_of_the_wheel(python: Installed) -> None:
    settings = {"typeCheckingMode": "strict", "include": [*python.programs]}
    (python.folder / "pyrightconfig.json").write_text(json.dumps(settings))
    pyright = (NODE, WEB_MODULES / "pyright" / "index.js", "--pythonpath", python.runner)
    checked = python.run(*pyright)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "0 errors" in checked.stdout
    exported = python.run(*pyright, "--verifytypes", "cadfeed_client", "--ignoreexternal")
    assert exported.returncode == 0, exported.stdout


@pytest.mark.parametrize(("module", "resolution"), [("nodenext", "nodenext"), ("esnext", "bundler")])
def test_tsc_finds_the_types_of_the_tarball(typescript: Installed, module: str, resolution: str) -> None:
    options = {
        "module": module,
        "moduleResolution": resolution,
        "target": "es2023",
        "lib": ["es2023", "dom"],
        "strict": True,
        "noEmit": True,
        "skipLibCheck": False,
        "exactOptionalPropertyTypes": True,
        "types": ["node"],
        "typeRoots": [str(WEB_MODULES / "@types")],
    }
    project = typescript.folder / f"tsconfig.{module}.json"
    project.write_text(json.dumps({"compilerOptions": options, "files": [*typescript.programs]}))
    tsc = (WEB_MODULES / ".bin" / "tsc", "--project", project)
    checked = typescript.run(*tsc)
    assert checked.returncode == 0, checked.stdout
    wrong = 'import type { Quote } from "cadfeed-client";\nexport const wrong = (quote: Quote): number => quote.spot;\n'
    (typescript.folder / "wrong.ts").write_text(wrong)
    project.write_text(json.dumps({"compilerOptions": options, "files": ["wrong.ts"]}))
    assert "TS2322" in typescript.run(*tsc).stdout
