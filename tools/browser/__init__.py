"""The browser for tests and measurements, as `browser.ts` finds it."""

import json
import subprocess
import sys
from pathlib import Path

NODE = Path(sys.executable).parent / "node"
RULE = Path(__file__).with_name("browser.ts")


def _answer() -> dict[str, str]:
    if not NODE.exists():
        return {"missing": "Node is not installed (make setup)"}
    asked = subprocess.run([str(NODE), str(RULE)], capture_output=True, text=True, check=True)  # noqa: S603 - ours
    answer: dict[str, str] = json.loads(asked.stdout)
    return answer


_ANSWER = _answer()
CHROMIUM = _ANSWER.get("found")
NO_CHROMIUM = _ANSWER.get("missing", "")
