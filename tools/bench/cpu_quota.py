"""A limit on the processor time of a process, as Lambda sets one: a cgroup, if this machine lets us make one.

https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu, https://docs.kernel.org/scheduler/sched-bwc.html
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
PERIOD_US = 20_000


class NoQuota(Exception):
    """This machine does not let us limit processor time."""


@dataclass(frozen=True, slots=True)
class Quota:
    """A cgroup with a limit. `kind` is its version, in words."""

    folder: Path
    kind: str

    def hold(self, pid: int) -> None:
        """Put a process with all its threads under the limit."""
        (self.folder / "cgroup.procs").write_text(str(pid), encoding="ascii")


@contextmanager
def quota(share: float, root: Path = CGROUPS) -> Iterator[Quota]:
    """Yield a limit of that share of one core; its processes must have ended with the block.

    Raises:
        NoQuota: there is no cgroup for it, or we may not make one.
    """
    name, quota_us = f"cadfeed-bench-{os.getpid()}", int(share * PERIOD_US)
    if "cpu" in _read(root / "cgroup.controllers").split():
        made, limits = Quota(root / name, "cgroup v2"), {"cpu.max": f"{quota_us} {PERIOD_US}"}
    else:
        made = Quota(root / "cpu" / name, "cgroup v1")
        limits = {"cpu.cfs_period_us": f"{PERIOD_US}", "cpu.cfs_quota_us": f"{quota_us}"}
    if not made.folder.parent.is_dir():
        raise NoQuota("there is no cgroup for processor time")
    try:
        made.folder.mkdir()
    except OSError as error:
        raise NoQuota(f"no {made.kind} can be made: {error}") from error
    try:
        try:
            for file, value in limits.items():
                if not (made.folder / file).exists():
                    raise NoQuota(f"the {made.kind} has no {file}")
                (made.folder / file).write_text(value, encoding="ascii")
        except OSError as error:
            raise NoQuota(f"the {made.kind} takes no limit: {error}") from error
        yield made
    finally:
        with suppress(OSError):
            made.folder.rmdir()


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except OSError:
        return ""
