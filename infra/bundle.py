"""Builds a Lambda's code as a folder: its handler, `shared`, and the wheels for the Lambda platform.

uv can fetch wheels for another platform, so no container is needed. It takes only files with a locked hash. Folders are
named by their content and never change. One process at a time builds them, so two deployments may start together.
"""

import compileall
import fcntl
import hashlib
import os
import platform
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from py_compile import PycInvalidationMode

from infra import uv

ROOT = Path(__file__).parent.parent
PYTHON_VERSION = "3.14"
LOCK = ROOT / "requirements.txt"
NATIVE_OPTIONS = ("--only-binary=:all:", "--no-deps", "--link-mode=copy", "--require-hashes", f"--constraint={LOCK}")
LAMBDA_OPTIONS = (*NATIVE_OPTIONS, "--python-platform=aarch64-manylinux_2_28", f"--python-version={PYTHON_VERSION}")
NOT_NEEDED = shutil.ignore_patterns("bin", ".lock", "tests", "*-stubs")
UNUSED_S = 24 * 3600  # the CDK reads a bundle within seconds


def bundle(function: str, root: Path = ROOT, *, native: bool = False) -> Path:
    """The folder to deploy for `functions/<function>`. `native`: with wheels for this system and Python.

    If this Python has the version that will run the code, the folder holds byte code. A Lambda cannot write its own, so
    without it each cold start compiles everything.

    Raises:
        RuntimeError: uv could not fetch a wheel, or its hash is not the locked one. The text has uv's output.
    """
    requirements = [root / "functions" / "requirements.txt", root / "functions" / function / "requirements.txt"]
    requirements = [path for path in requirements if path.exists()]
    code = _code(function, root)
    bundles = root / ".local" / "bundles"
    with _locked(bundles):
        target = bundles / f"{function}-{_platform(native)}{_digest([*requirements, *code], root)}"
        if not target.exists():
            with _staged(target) as staging:
                wheels = _wheels(requirements, root, bundles, native)
                shutil.copytree(wheels, staging, ignore=NOT_NEEDED, dirs_exist_ok=True)
                for path in code:
                    copy = staging / path.relative_to(root)
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, copy)
                if _runs_here(native):
                    for folder in ("shared", "functions"):
                        _compile(staging / folder, staging)
        os.utime(target)
        _prune(bundles)
    return target


def _code(function: str, root: Path) -> list[Path]:
    """The files of this project that a function needs."""
    folders = (root / "shared", root / "functions" / function)
    files = (path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file())
    carried = (path for path in files if path.suffix != ".pyc" and path.name != "requirements.txt")
    return [root / "functions" / "__init__.py", *carried]


def _platform(native: bool) -> str:
    """The part of a folder's name for its wheels and byte code; empty for Lambda wheels without byte code."""
    if native:
        return f"{sys.implementation.cache_tag}-{platform.system()}-{platform.machine()}-"
    return f"{sys.implementation.cache_tag}-" if _runs_here(native) else ""


def _runs_here(native: bool) -> bool:
    return native or f"{sys.version_info.major}.{sys.version_info.minor}" == PYTHON_VERSION


def _compile(folder: Path, root: Path) -> None:
    """Compile to byte code that Python does not check against the source. It is the same on every machine."""
    compileall.compile_dir(
        folder, quiet=2, stripdir=root, prependdir="/var/task", invalidation_mode=PycInvalidationMode.UNCHECKED_HASH
    )


def _wheels(requirements: list[Path], root: Path, bundles: Path, native: bool) -> Path:
    """The unpacked wheels of these requirements, fetched and compiled once."""
    target = bundles / f"wheels-{_platform(native)}{_digest(requirements, root)}"
    if not target.exists():
        with _staged(target) as staging:
            options = NATIVE_OPTIONS if native else LAMBDA_OPTIONS
            uv.install(f"--target={staging}", *options, *(f"--requirement={path}" for path in requirements))
            if _runs_here(native):
                _compile(staging, staging)
    os.utime(target)
    return target


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock the folder for one process at a time. A process that waited finds what the other has built."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _staged(target: Path) -> Iterator[Path]:
    """An empty folder to fill. It gets the target's name when it is complete."""
    staging = target.with_name(f"{target.name}.part")
    shutil.rmtree(staging, ignore_errors=True)  # an interrupted run left it
    staging.mkdir()
    yield staging
    # On AWS a different user reads these files: https://docs.aws.amazon.com/lambda/latest/dg/python-package.html
    for path in (staging, *staging.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    staging.rename(target)


def _prune(bundles: Path) -> None:
    """Remove folders that no deployment has used for a day."""
    for folder in bundles.iterdir():
        if folder.is_dir() and folder.stat().st_mtime < time.time() - UNUSED_S:
            shutil.rmtree(folder)


def _digest(files: Iterable[Path], root: Path) -> str:
    """A hash of the files, their names, and this file, which determines the folder's layout."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for path in files:
        digest.update(f"\0{path.relative_to(root)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]
