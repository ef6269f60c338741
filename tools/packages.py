"""Builds the clients as packages, from a copy of their folders: `make packages`."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ROOT / "clients" / "python"
TYPESCRIPT = ROOT / "clients" / "typescript"
TSC = ROOT / "web" / "node_modules" / ".bin" / "tsc"
NPM = Path(sys.executable).parent / "npm"


def build_python(folder: Path) -> Path:
    """Write the wheel and the source archive of the Python client into the folder.

    Returns:
        The wheel's path.

    Raises:
        subprocess.CalledProcessError: hatchling could not build it, and has said why on stderr.
    """
    build: list[str | Path] = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-t", "wheel", "-d", folder]
    subprocess.run(build, cwd=PYTHON, check=True, stdout=subprocess.PIPE)  # noqa: S603
    (wheel,) = folder.glob("cadfeed_client-*.whl")
    return wheel


def build_typescript(folder: Path) -> Path:
    """Write the tarball of the TypeScript client, as npm would publish it, into the folder.

    Returns:
        The tarball's path.

    Raises:
        subprocess.CalledProcessError: tsc or npm could not do it, and has said why.
    """
    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(shutil.copytree(TYPESCRIPT, Path(temporary) / "client", ignore=shutil.ignore_patterns("dist")))
        subprocess.run([TSC, "--project", copy], check=True)  # noqa: S603
        pack: list[str | Path] = [NPM, "pack", "--silent", "--ignore-scripts", "--pack-destination", folder]
        subprocess.run(pack, cwd=copy, check=True, stdout=subprocess.PIPE)  # noqa: S603
    (tarball,) = folder.glob("cadfeed-client-*.tgz")
    return tarball


def main() -> None:
    """Build both, each into its `dist` folder, and tell where they are."""
    for client, build in ((PYTHON, build_python), (TYPESCRIPT, build_typescript)):
        folder = client / "dist"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        print(build(folder).relative_to(ROOT))


if __name__ == "__main__":
    main()
