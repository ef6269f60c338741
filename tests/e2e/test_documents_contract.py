"""schemathesis makes requests from docs/openapi.yaml, right and wrong ones: each answer is as it is described there.

https://schemathesis.readthedocs.io
"""

import os
import subprocess
from pathlib import Path

from tests.e2e.local_stack import Stack
from tests.openapi import OPENAPI
from tools.documents import python_of_readers

MOST_EXAMPLES = 4


def test_schemathesis_finds_no_failure(common_stack: Stack, tmp_path: Path) -> None:
    program = python_of_readers().parent / "schemathesis"
    ran = subprocess.run(
        [
            *(program, "run", OPENAPI, f"--url={common_stack.dashboard.rstrip('/')}", "--checks=all", "--seed=1"),
            *(f"--tls-verify={common_stack.ca}", f"--max-examples={MOST_EXAMPLES}", "--no-color", "--workers=2"),
            *("--request-timeout=20", "--generation-database=none", "--phases=examples,coverage,fuzzing"),
        ],
        cwd=tmp_path,  # it leaves a folder with what it found
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env=os.environ | {"NO_PROXY": "localhost"},
    )
    print(ran.stdout[-3_000:])
    assert ran.returncode == 0, ran.stdout[-10_000:]
