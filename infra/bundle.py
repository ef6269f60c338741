"""A Lambda's code as a folder: its handler, `shared`, and the wheels for the Lambda platform that pip puts beside them.

Pip fetches for another platform than its own, so no container is needed. Folders are named by their content and never
changed; one process at a time makes them, so two deployments may start at once.
"""

import compileall
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from py_compile import PycInvalidationMode

ROOT = Path(__file__).parent.parent
PYTHON_VERSION = "3.14"
NATIVE_PIP_OPTIONS = ("--disable-pip-version-check", "--no-compile", "--no-deps", "--only-binary=:all:")
PIP_OPTIONS = (
    *NATIVE_PIP_OPTIONS,
    "--implementation=cp",
    "--platform=manylinux2014_aarch64",
    "--platform=manylinux_2_28_aarch64",
    f"--python-version={PYTHON_VERSION}",
)
NOT_NEEDED = shutil.ignore_patterns("bin", "tests", "*-stubs")
UNUSED_S = 24 * 3600  # the CDK copies a bundle within seconds of asking for it


def bundle(function: str, root: Path = ROOT, *, native: bool = False) -> Path:
    """The folder to deploy for `functions/<function>`. A native one has the wheels of this system and Python.

    It holds byte code where this Python is the one that will run it: a Lambda cannot write its own, so without it each
    cold start compiles everything again.

    Raises:
        RuntimeError: pip could not fetch a wheel; it holds pip's own words.
    """
    requirements = [root / "functions" / "requirements.txt", root / "functions" / function / "requirements.txt"]
    requirements = [path for path in requirements if path.exists()]
    code = _code(function, root)
    bundles = root / ".local" / "bundles"
    with _alone_in(bundles):
        target = bundles / f"{function}-{_platform(native)}{_digest([*requirements, *code], root)}"
        if not target.exists():
            with _whole(target) as staging:
                wheels = _wheels(requirements, root, bundles, native)
                shutil.copytree(wheels, staging, ignore=NOT_NEEDED, dirs_exist_ok=True)
                for path in code:
                    copy = staging / path.relative_to(root)
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, copy)
                if _runs_here(native):
                    _compile(staging)
        os.utime(target)
        _prune(bundles)
    return target


def _code(function: str, root: Path) -> list[Path]:
    """The files of this project that a function carries."""
    folders = (root / "shared", root / "functions" / function)
    files = (path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file())
    carried = (path for path in files if path.suffix != ".pyc" and path.name != "requirements.txt")
    return [root / "functions" / "__init__.py", *carried]


def _platform(native: bool) -> str:
    """What a folder's name says of its wheels and byte code: nothing for the Lambda's own wheels without any."""
    if native:
        return f"{sys.implementation.cache_tag}-{platform.system()}-{platform.machine()}-"
    return f"{sys.implementation.cache_tag}-" if _runs_here(native) else ""


def _runs_here(native: bool) -> bool:
    return native or f"{sys.version_info.major}.{sys.version_info.minor}" == PYTHON_VERSION


def _compile(folder: Path) -> None:
    """Byte code that holds without a look at the source, the same wherever and whenever it is made."""
    compileall.compile_dir(
        folder, quiet=2, stripdir=folder, prependdir="/var/task", invalidation_mode=PycInvalidationMode.UNCHECKED_HASH
    )


def _wheels(requirements: list[Path], root: Path, bundles: Path, native: bool) -> Path:
    """The unpacked wheels of some requirements, fetched once."""
    target = bundles / f"wheels-{_platform(native)}{_digest(requirements, root)}"
    if not target.exists():
        with _whole(target) as staging:
            command = [sys.executable, "-m", "pip", "install", f"--target={staging}"]
            command += NATIVE_PIP_OPTIONS if native else PIP_OPTIONS
            command += [f"--requirement={path}" for path in requirements]
            pip = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - all of it is ours
            if pip.returncode:
                raise RuntimeError(f"pip could not fetch what the Lambdas carry:\n{pip.stdout}{pip.stderr}")
    os.utime(target)
    return target


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """One process at a time; whoever waited finds what the other has made."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """A folder to fill, which takes the target's name once it is whole."""
    staging = target.with_name(f"{target.name}.part")
    shutil.rmtree(staging, ignore_errors=True)  # an interrupted run left it
    staging.mkdir()
    yield staging
    # On AWS another user reads these files: https://docs.aws.amazon.com/lambda/latest/dg/python-package.html
    for path in (staging, *staging.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    staging.rename(target)


def _prune(bundles: Path) -> None:
    """Remove what no deployment has asked for in a day."""
    for folder in bundles.iterdir():
        if folder.is_dir() and folder.stat().st_mtime < time.time() - UNUSED_S:
            shutil.rmtree(folder)


def _digest(files: Iterable[Path], root: Path) -> str:
    """Of the files, their names, and this file, which says how they are put together."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for path in files:
        digest.update(f"\0{path.relative_to(root)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]
