"""The browsers for tests and measurements, as `browser.ts` finds them."""

import json
import subprocess
import sys
from pathlib import Path

NODE = Path(sys.executable).parent / "node"
RULE = Path(__file__).with_name("browser.ts")


def _answer() -> dict[str, str]:
    if not NODE.exists():
        missing = "Node is not installed (make setup)"
        return {"noChromium": missing, "noFirefox": missing}
    asked = subprocess.run([str(NODE), str(RULE)], capture_output=True, text=True, check=True)  # noqa: S603 - ours
    answer: dict[str, str] = json.loads(asked.stdout)
    return answer


_ANSWER = _answer()
CHROMIUM, NO_CHROMIUM = _ANSWER.get("chromium"), _ANSWER["noChromium"]
FIREFOX, NO_FIREFOX = _ANSWER.get("firefox"), _ANSWER["noFirefox"]
