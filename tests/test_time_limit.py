"""A test that hangs fails after its time, and the others still run."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HANGING = {
    "a loop": "    while True:\n        pass\n",
    "a loop that survives errors": """    while True:
        try:
            1 / 0
        except Exception:
            pass
""",
    "a lock": "    lock = threading.Lock()\n    lock.acquire()\n    lock.acquire()\n",
    "a loop of asyncio": "    asyncio.run(asyncio.Event().wait())\n",
    "a fixture": "    pass\n\n\n@pytest.fixture(autouse=True)\ndef slow():\n    threading.Event().wait()\n",
}
FILE = """import asyncio
import threading

import pytest


def test_hangs():
{body}"""


@pytest.mark.parametrize("workers", [0, 1])
def test_a_test_that_hangs_fails_and_the_others_run(tmp_path: Path, workers: int) -> None:
    for number, body in enumerate(HANGING.values()):
        (tmp_path / f"test_{number}.py").write_text(FILE.format(body=body), encoding="utf-8")
    (tmp_path / "test_other.py").write_text("def test_passes():\n    pass\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", f"--config-file={ROOT / 'pyproject.toml'}", "--timeout=1"]
    command += [f"--rootdir={tmp_path}", "-p", "no:cacheprovider", f"-n{workers}", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1, done.stdout + done.stderr
    failed = len(HANGING) - 1
    assert f"{failed} failed, 1 passed, 1 error in" in done.stdout, done.stdout
    assert done.stdout.count("Timeout (>1.0s)") >= len(HANGING)


def test_every_test_has_a_limit_and_keeps_its_worker() -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    assert 0 < options["timeout"] <= 300
    assert options["timeout_method"] == "signal"
