"""A Lambda's code as a folder: its handler, `shared`, and the wheels for the Lambda platform that pip puts beside them.

Pip fetches for another platform than its own, so no container is needed. Folders are named by their content and never
changed, so two deployments may be made at once.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
BUNDLES = ROOT / ".local" / "bundles"
PYTHON_VERSION = "3.14"
PLATFORMS = ("manylinux2014_aarch64", "manylinux_2_28_aarch64")
NOT_BUNDLED = shutil.ignore_patterns("__pycache__", "*.pyc", "requirements.txt")


def bundle(function: str) -> Path:
    """The folder to deploy for `functions/<function>`.

    Raises:
        subprocess.CalledProcessError: pip could not fetch a wheel; its own words are on stderr.
    """
    requirements = [ROOT / "functions" / "requirements.txt"]
    own = ROOT / "functions" / function / "requirements.txt"
    if own.exists():
        requirements.append(own)
    sources = [ROOT / "shared", ROOT / "functions" / function]
    code = [
        path for source in sources for path in sorted(source.rglob("*")) if path.is_file() and path.suffix != ".pyc"
    ]
    target = BUNDLES / f"{function}-{_digest([*requirements, *code])}"
    if not target.exists():
        with _Staging(target) as staging:
            shutil.copytree(_wheels(requirements), staging, dirs_exist_ok=True)
            shutil.copytree(ROOT / "shared", staging / "shared", ignore=NOT_BUNDLED)
            shutil.copytree(ROOT / "functions" / function, staging / "functions" / function, ignore=NOT_BUNDLED)
            shutil.copy(ROOT / "functions" / "__init__.py", staging / "functions")
    return target


def _wheels(requirements: list[Path]) -> Path:
    """The unpacked wheels of some requirements, fetched once."""
    target = BUNDLES / f"wheels-{_digest(requirements)}"
    if not target.exists():
        with _Staging(target) as staging:
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
            command += ["--no-deps", "--only-binary=:all:", "--implementation=cp", f"--python-version={PYTHON_VERSION}"]
            command += [f"--platform={platform}" for platform in PLATFORMS]
            command += [f"--requirement={path}" for path in requirements]
            # S603: every part of the command is ours
            # S603: every part of the command is ours
            subprocess.run([*command, f"--target={staging}"], check=True, stdout=sys.stderr)  # noqa: S603
            shutil.rmtree(staging / "bin", ignore_errors=True)
    return target


class _Staging:
    """A folder that takes the target's name once it is whole; whoever is second leaves the first one's."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def __enter__(self) -> Path:
        BUNDLES.mkdir(parents=True, exist_ok=True)
        self._staging = Path(tempfile.mkdtemp(prefix="staging-", dir=BUNDLES))
        self._staging.chmod(0o755)
        return self._staging

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None and not self._target.exists():
            self._staging.rename(self._target)
        else:
            shutil.rmtree(self._staging)


def _digest(files: list[Path]) -> str:
    digest = hashlib.sha256("".join([PYTHON_VERSION, *PLATFORMS]).encode())
    for path in files:
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]
