"""uv, which installs Python packages, with pip's settings where it has none: `python -m infra.uv pip install ...`.

A network with an index or certificates of its own says so in pip's settings, and uv does not read them:
https://docs.astral.sh/uv/pip/compatibility/#configuration-files-and-environment-variables
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from configparser import RawConfigParser
from pathlib import Path

INDEX = ("UV_DEFAULT_INDEX", "UV_INDEX_URL")
CERTIFICATES = "SSL_CERT_FILE"


def install(*arguments: str, python: str = sys.executable) -> None:
    """Install packages for `python` with `uv pip install`, quietly.

    Raises:
        RuntimeError: uv failed; the text holds uv's output.
    """
    command = [sys.executable, "-m", "uv", "pip", "install", f"--python={python}", *arguments]
    done = subprocess.run(command, env=environment(), check=False, capture_output=True, text=True)  # noqa: S603 - ours
    if done.returncode:
        raise RuntimeError(f"uv could not install the packages:\n{done.stdout}{done.stderr}")


def environment() -> dict[str, str]:
    """Return this program's environment, with what uv takes from pip's settings."""
    return with_pips_settings(os.environ, pip_files(os.environ))


def with_pips_settings(environ: Mapping[str, str], files: Iterable[Path]) -> dict[str, str]:
    """Return `environ` with pip's index and certificates for uv; what is set for uv already stays."""
    parser = RawConfigParser(interpolation=None)
    parser.read(files, encoding="utf-8")
    sections = [parser[name] for name in ("global", "install") if parser.has_section(name)]
    settings = {name.replace("_", "-"): value for section in sections for name, value in section.items()}
    index = environ.get("PIP_INDEX_URL") or settings.get("index-url")
    certificates = environ.get("PIP_CERT") or settings.get("cert")
    found = dict(environ)
    if index and not any(name in environ for name in INDEX):
        found[INDEX[0]] = index
    if certificates:
        found.setdefault(CERTIFICATES, certificates)
    return found


def pip_files(environ: Mapping[str, str]) -> list[Path]:
    """Return where pip looks for its settings, a later file before an earlier one.

    https://pip.pypa.io/en/stable/topics/configuration/#location
    """
    own = environ.get("PIP_CONFIG_FILE", "")
    if own == os.devnull:
        return []
    home = Path(environ.get("HOME", "/"))
    macos = Path("Library", "Application Support", "pip")
    shared = [Path(folder, "pip") for folder in environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(os.pathsep)]
    user = [home / ".pip", home / macos, Path(environ.get("XDG_CONFIG_HOME", home / ".config"), "pip")]
    folders = [*shared, Path("/", macos), Path("/etc"), *user, Path(sys.prefix)]
    return [*(folder / "pip.conf" for folder in folders), *([Path(own)] if own else [])]


if __name__ == "__main__":
    uv = [sys.executable, "-m", "uv", *sys.argv[1:]]
    sys.exit(subprocess.run(uv, env=environment(), check=False).returncode)  # noqa: S603 - ours
