"""Virtual environments under `.local`, for programs that need other packages than the feed's tools."""

import fcntl
import hashlib
import shutil
import sys
import venv
from pathlib import Path

from infra import uv

ROOT = Path(__file__).parents[1]


def python_with(name: str, requirements: Path) -> Path:
    """Return the Python of `.local/<name>-venv`; make the environment if it is missing or its requirements changed.

    Processes that ask at the same time wait for the one that makes it.

    Raises:
        RuntimeError: uv could not install them; the text holds uv's output.
    """
    folder = ROOT / ".local" / f"{name}-venv"
    python = folder / "bin" / "python"
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    mark = folder / "installed"
    folder.parent.mkdir(exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if mark.exists() and mark.read_text(encoding="utf-8") == wanted:
            return python
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder)
        uv.install("--require-hashes", f"--requirement={requirements}", python=str(python))
        mark.write_text(wanted, encoding="utf-8")
    return python
