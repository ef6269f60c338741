"""The virtual environment of the compared clients: aiobotocore needs another botocore than the feed."""

import hashlib
import shutil
import sys
import venv
from pathlib import Path

from infra import uv
from tools.bench.workload import ROOT

FOLDER = ROOT / ".local" / "bench-venv"
REQUIREMENTS = Path(__file__).parent / "requirements.txt"


def peers_python() -> Path:
    """Return that environment's Python; make the environment if it is missing or its requirements changed.

    Raises:
        RuntimeError: uv could not install them; the text holds uv's output.
    """
    python = FOLDER / "bin" / "python"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
    mark = FOLDER / "installed"
    if mark.exists() and mark.read_text(encoding="utf-8") == wanted:
        return python
    shutil.rmtree(FOLDER, ignore_errors=True)
    venv.create(FOLDER)
    uv.install("--require-hashes", f"--requirement={REQUIREMENTS}", python=str(python))
    mark.write_text(wanted, encoding="utf-8")
    return python
