"""What a test puts into the processes of a Lambda: its process ID in every AWS call, and a clock that may be wrong.

botocore signs by `datetime`, whose clock stays right: AWS refuses all calls of a function that is five minutes off.
"""

import os
import signal
import time
from pathlib import Path

CLOCKS = Path(os.environ.get("CADFEED_TEST_CLOCKS", "/nonexistent"))
ahead_s = 0
right_time, right_time_ns = time.time, time.time_ns


def read_clock(name: str) -> None:
    """Take over how many seconds the clock is ahead, from a file of this name."""
    global ahead_s
    file = CLOCKS / name
    ahead_s = int(file.read_text()) if file.exists() else 0


if CLOCKS.is_dir():
    os.environ["AWS_SDK_UA_APP_ID"] = f"pid-{os.getpid()}"
    time.time = lambda: right_time() + ahead_s
    time.time_ns = lambda: right_time_ns() + ahead_s * 1_000_000_000
    signal.signal(signal.SIGUSR1, lambda *_: read_clock(str(os.getpid())))
    read_clock("new")
