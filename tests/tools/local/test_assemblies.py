"""An assembly is kept for the same code and settings, and taken for the ports of now."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.local import assemblies
from tools.local.assemblies import Assemblies, share_archives
from tools.local.aws import ROOT


def settings(api: int = 4566, exchange: int = 9_000, **more: str) -> dict[str, str]:
    of_ports = {"api": f"http://127.0.0.1:{api}/x", "kraken": f"http://127.0.0.1:{exchange}", "ndax": "127.0.0.1:45660"}
    return {"site": "false", **of_ports, **more}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("infra/app.py", "functions/ingest/handler.py", "shared/model/assets.json", "cdk.json"):
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1", encoding="utf-8")
    (tmp_path / "root" / "bundle").mkdir()
    return tmp_path / "root"


def written(root: Path, settings: dict[str, str], folder: str = "written") -> Path:
    """What an app writes: a template with its settings, and a manifest that names the template by its content."""
    assembly = root.parent / folder
    assembly.mkdir()
    template = json.dumps(settings)
    name = hashlib.sha256(template.encode()).hexdigest()
    (assembly / "Feed.template.json").write_text(template, encoding="utf-8")
    files = {
        "b": {"source": {"path": str(root / "bundle")}},
        name: {"source": {"path": "Feed.template.json"}, "key": f"{name}.json"},
    }
    (assembly / "Feed.assets.json").write_text(json.dumps({"files": files}), encoding="utf-8")
    return assembly


def texts(assembly: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in assembly.iterdir()}


@pytest.mark.parametrize("now", [settings(), settings(5_000, 5_001), settings(9_000, 4566)])
def test_what_is_kept_has_the_ports_of_now(root: Path, now: dict[str, str]) -> None:
    """And is what the app would write, its template's name included."""
    Assemblies(root, settings()).keep(written(root, settings()))
    taken = root.parent / "taken"
    assert Assemblies(root, now).take(taken)
    assert texts(taken) == texts(written(root, now, "now"))


def test_other_settings_have_another_assembly(root: Path) -> None:
    Assemblies(root, settings()).keep(written(root, settings()))
    for other in (settings(rates="false"), settings(4566, 4566), {**settings(), "kraken": "http://example.com"}):
        assert not Assemblies(root, other).take(root.parent / "taken")


@pytest.mark.parametrize(
    "name", ["infra/app.py", "functions/ingest/handler.py", "shared/model/assets.json", "cdk.json"]
)
def test_other_code_has_another_assembly(root: Path, name: str) -> None:
    Assemblies(root, settings()).keep(written(root, settings()))
    (root / name).write_text("2", encoding="utf-8")
    assert not Assemblies(root, settings()).take(root.parent / "taken")


def test_new_code_has_another_assembly_and_byte_code_has_not(root: Path) -> None:
    Assemblies(root, settings()).keep(written(root, settings()))
    (root / "infra" / "app.pyc").write_bytes(b"1")
    assert Assemblies(root, settings()).take(root.parent / "taken")
    (root / "infra" / "more.py").write_text("", encoding="utf-8")
    assert not Assemblies(root, settings()).take(root.parent / "taken")


def test_without_its_bundles_none_is_taken(root: Path) -> None:
    Assemblies(root, settings()).keep(written(root, settings()))
    (root / "bundle").rmdir()
    assert not Assemblies(root, settings()).take(root.parent / "taken")


def test_two_may_keep_the_same(root: Path) -> None:
    for folder in "ab":
        Assemblies(root, settings()).keep(written(root, settings(), folder))
    assert Assemblies(root, settings()).take(root.parent / "taken")
    assert len(list((root / ".local" / "assemblies").iterdir())) == 1


def test_an_assembly_with_folders_is_not_kept(root: Path) -> None:
    assembly = written(root, settings())
    (assembly / "asset").mkdir()
    Assemblies(root, settings()).keep(assembly)
    assert not Assemblies(root, settings()).take(root.parent / "taken")


@pytest.mark.parametrize("more", [{"quotes_table_name": "kept"}, {"site": "true"}])
def test_what_depends_on_more_than_code_and_settings_is_not_kept(root: Path, more: dict[str, str]) -> None:
    chosen = {**settings(), **more}
    Assemblies(root, chosen).keep(written(root, chosen))
    assert not Assemblies(root, chosen).take(root.parent / "taken")


def test_all_that_the_app_reads_is_compared() -> None:
    """The modules of this repository that it imports."""
    code = "import infra.app, sys; print(*(getattr(each, '__file__', '') for each in list(sys.modules.values())))"
    printed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    read = [Path(path).relative_to(ROOT) for path in printed.split() if path.startswith(f"{ROOT}/")]
    own = [path for path in read if not path.parts[0].startswith(".")]
    assert len(own) > 50
    others = [path for path in own if not any(map(path.is_relative_to, assemblies.READ))]
    assert [path for path in others if path.name != "__init__.py"] == []


def test_a_limited_number_is_kept(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assemblies, "MOST_KEPT", 3)
    for number in range(5):
        own = settings(number=str(number))
        Assemblies(root, own).keep(written(root, own, f"written{number}"))
    assert len(list((root / ".local" / "assemblies").iterdir())) == 3
    assert Assemblies(root, settings(number="4")).take(root.parent / "taken")


def test_archives_of_one_deployment_serve_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The CDK CLI writes them to the folder `.cache` of an assembly, and looks for them there."""
    monkeypatch.setattr(assemblies, "MOST_ARCHIVES", 2)
    for number in range(4):
        assembly = tmp_path / f"cdk.out.{number}"
        assembly.mkdir()
        share_archives(tmp_path, assembly)
        share_archives(tmp_path, assembly)  # deployed again
        archive = assembly / ".cache" / f"{number}.zip"
        archive.write_bytes(b"")
        os.utime(archive, (number, number))
    names = {path.name for path in (tmp_path / "cdk.out.0" / ".cache").iterdir()}
    assert names == {"1.zip", "2.zip", "3.zip"}
