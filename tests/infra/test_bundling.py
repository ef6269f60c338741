"""Bundles are built once, completely, by one process at a time, and removed later."""

import marshal
import os
import subprocess
import sys
import time
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from infra import bundle as bundling
from infra.bundle import ROOT, UNUSED_S, bundle

WHEEL = "jmespath==1.1.0"  # small, of pure Python
MAKE = "import sys; from pathlib import Path; from infra.bundle import bundle; print(bundle('one', Path(sys.argv[1])))"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a Lambda called `one`, and a file outside of its bundle."""
    for name, text in {
        "shared/__init__.py": "",
        "shared/prices.py": "PRICE = 1\n",
        "shared/__pycache__/prices.pyc": "compiled",
        "functions/__init__.py": "",
        "functions/requirements.txt": WHEEL,
        "functions/one/__init__.py": "",
        "functions/one/handler.py": "import jmespath\n",
        "functions/two/handler.py": "",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def bundles(project: Path) -> set[str]:
    return {path.name for path in (project / ".local" / "bundles").iterdir() if path.is_dir()}


def code(folder: Path) -> set[str]:
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return {name for name in found if name.startswith(("functions", "shared"))}


def test_a_bundle_is_the_handler_shared_and_the_wheels(project: Path) -> None:
    made = bundle("one", project)
    assert (made / "jmespath" / "__init__.py").exists()
    assert not (made / "bin").exists()
    assert code(made) == {
        "functions/__init__.py",
        "functions/one/__init__.py",
        "functions/one/handler.py",
        "shared/__init__.py",
        "shared/prices.py",
    }


def test_the_same_code_is_the_same_folder_and_fetches_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = bundle("one", project)
    monkeypatch.setattr("subprocess.run", pytest.fail)
    assert bundle("one", project) == made


@pytest.mark.parametrize(
    "changed", ["shared/prices.py", "shared/new.json", "functions/one/handler.py", "functions/__init__.py"]
)
def test_other_code_is_another_folder_with_the_same_wheels(
    project: Path, changed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = bundle("one", project)
    monkeypatch.setattr("subprocess.run", pytest.fail)
    (project / changed).write_text("PRICE = 2\n", encoding="utf-8")
    after = bundle("one", project)
    assert after != before
    assert (after / changed).read_text(encoding="utf-8") == "PRICE = 2\n"


@pytest.mark.parametrize("elsewhere", ["functions/two/handler.py", "shared/__pycache__/new.pyc"])
def test_a_bundle_ignores_changes_outside_of_it(project: Path, elsewhere: str) -> None:
    before = bundle("one", project)
    (project / elsewhere).write_text("changed", encoding="utf-8")
    assert bundle("one", project) == before


def test_two_processes_at_once_both_get_a_whole_folder(project: Path) -> None:
    command = [sys.executable, "-c", MAKE, str(project)]
    both = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    made = {Path(process.communicate(timeout=60)[0].strip()) for process in both}
    assert [process.returncode for process in both] == [0, 0]
    (folder,) = made
    assert len(code(folder)) == 5
    assert (folder / "jmespath" / "parser.py").exists()
    assert not [name for name in bundles(project) if name.endswith(".part")]


def test_everybody_may_read_a_bundle_whatever_the_umask(project: Path) -> None:
    """Lambda runs code as another user than the one that unpacks it."""
    made = subprocess.run(
        [sys.executable, "-c", MAKE, str(project)], cwd=ROOT, umask=0o077, check=True, capture_output=True, text=True
    )
    folder = Path(made.stdout.strip())
    modes = {path.stat().st_mode & 0o777 for path in (folder, *folder.rglob("*"))}
    assert modes == {0o755, 0o644}


def test_uv_prints_only_on_failure_and_leaves_nothing_partial(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (project / "functions" / "requirements.txt").write_text("not a requirement", encoding="utf-8")
    with pytest.raises(RuntimeError, match="not a requirement"):
        bundle("one", project)
    assert all(name.endswith(".part") for name in bundles(project))
    (project / "functions" / "requirements.txt").write_text(WHEEL, encoding="utf-8")
    assert (bundle("one", project) / "jmespath").is_dir()
    assert capfd.readouterr() == ("", "")


def test_a_wheel_whose_hash_is_not_the_locked_one_is_refused(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(f"{WHEEL} --hash=sha256:{'0' * 64}\n", encoding="utf-8")
    others = [option for option in bundling.LAMBDA_OPTIONS if not option.startswith("--constraint")]
    monkeypatch.setattr(bundling, "LAMBDA_OPTIONS", (*others, f"--constraint={lock}"))
    with pytest.raises(RuntimeError, match="Hash mismatch"):
        bundle("one", project)


def test_a_bundle_unused_for_a_day_is_removed(project: Path) -> None:
    old = bundle("one", project)
    (project / "shared" / "prices.py").write_text("PRICE = 2\n", encoding="utf-8")
    recent = bundle("one", project)
    long_ago = time.time() - UNUSED_S - 60
    os.utime(old, (long_ago, long_ago))
    (project / "shared" / "prices.py").write_text("PRICE = 3\n", encoding="utf-8")
    new = bundle("one", project)
    assert not old.exists()
    assert recent.exists()
    assert new.exists()


def test_a_bundle_in_use_is_kept(project: Path) -> None:
    made = bundle("one", project)
    long_ago = time.time() - UNUSED_S - 60
    for folder in (project / ".local" / "bundles").glob("one-*"):
        os.utime(folder, (long_ago, long_ago))
    assert bundle("one", project) == made
    assert made.exists()
    assert made.stat().st_mtime > long_ago + UNUSED_S


def test_byte_code_is_built_only_by_the_matching_python(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundling, "PYTHON_VERSION", "2.7")
    assert not list(bundle("one", project).rglob("*.pyc"))
    monkeypatch.setattr(bundling, "PYTHON_VERSION", f"{sys.version_info.major}.{sys.version_info.minor}")
    monkeypatch.setattr(bundling, "LAMBDA_OPTIONS", bundling.NATIVE_OPTIONS)
    compiled = bundle("one", project)
    sources = [path for path in compiled.rglob("*.py") if "site-packages" not in path.parts]
    assert len(list(compiled.rglob("*.pyc"))) == len(sources)
    (path,) = (compiled / "functions" / "one" / "__pycache__").glob("handler.*.pyc")
    code_object = marshal.loads(path.read_bytes()[16:])  # noqa: S302 - made above
    assert code_object.co_filename == "/var/task/functions/one/handler.py"


def test_a_native_bundle_has_local_wheels_and_its_own_folder(project: Path) -> None:
    (project / "functions" / "requirements.txt").write_text("charset-normalizer==3.5.2", encoding="utf-8")
    deployed, native = bundle("one", project), bundle("one", project, native=True)
    assert code(deployed) == {path for path in code(native) if not path.endswith(".pyc")}
    endings = tuple(EXTENSION_SUFFIXES[:1])  # its name has this system and Python
    assert all(path.name.endswith(endings) for path in native.rglob("*.so"))
    assert not any(path.name.endswith(endings) for path in deployed.rglob("*.so"))
    assert list(native.rglob("*.so"))
    assert list(deployed.rglob("*.so"))
