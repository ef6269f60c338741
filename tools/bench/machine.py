"""What a result was measured on, in a few words."""

import os
import platform


def machine() -> str:
    """System, architecture, number of cores and Python."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{platform.system()} {platform.machine()}, {usable} cores, Python {platform.python_version()}"
