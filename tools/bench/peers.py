"""The virtual environment of the clients that the feed does not use: aiobotocore needs a botocore of its own."""

import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from tools.bench.workload import ROOT

FOLDER = ROOT / ".local" / "bench-venv"
REQUIREMENTS = Path(__file__).parent / "requirements.txt"


def peers_python() -> Path:
    """The Python of that environment, which is made when it is missing or its requirements have changed.

    Raises:
        RuntimeError: pip could not install them; it holds pip's own words.
    """
    python = FOLDER / "bin" / "python"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
    mark = FOLDER / "installed"
    if mark.exists() and mark.read_text(encoding="utf-8") == wanted:
        return python
    shutil.rmtree(FOLDER, ignore_errors=True)
    venv.create(FOLDER, with_pip=True)
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", f"--requirement={REQUIREMENTS}"]
    pip = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - all of it is ours
    if pip.returncode:
        raise RuntimeError(f"pip could not install the bench's peers:\n{pip.stdout}{pip.stderr}")
    mark.write_text(wanted, encoding="utf-8")
    return python
