"""The machine of a measurement, and how busy other programs kept it."""

import os
import platform
import resource
import time
from pathlib import Path

_SELF = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def machine() -> str:
    """Return system, architecture, number of cores and Python version."""
    return f"{platform.system()} {platform.machine()}, {_cores()} cores, Python {platform.python_version()}"


class OtherPrograms:
    """The CPU share of other programs since this was made, if the system tells it (Linux, /proc)."""

    def __init__(self, sink_pid: int) -> None:
        self._sink_pid = sink_pid
        self._began = time.monotonic()
        self._began_busy_s = self._busy_s()

    def share(self) -> str:
        """Return it in words, while the sink still runs. From half a core on, do not trust the figures."""
        if self._began_busy_s is None or (busy_s := self._busy_s()) is None:
            return "other programs' share not known"
        share = (busy_s - self._began_busy_s) / (time.monotonic() - self._began)
        return f"other programs took {max(0.0, share):.0%} of a core"

    def _busy_s(self) -> float | None:
        """Return the CPU time of the whole machine without the bench's."""
        system, sink = Path("/proc/stat"), Path(f"/proc/{self._sink_pid}/stat")
        if not self._sink_pid or not system.exists():
            return None
        whole = [int(ticks) for ticks in system.read_text(encoding="utf-8").split("\n", 1)[0].split()[1:8]]
        fields = sink.read_text(encoding="utf-8").rpartition(")")[2].split()
        ticks = sum(whole) - sum(whole[3:5]) - int(fields[11]) - int(fields[12])  # less idle and waiting for disks
        own_s = sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, _SELF))
        return ticks / os.sysconf("SC_CLK_TCK") - own_s


def _cores() -> int | None:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
