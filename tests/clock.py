"""A clock that a test moves."""

from dataclasses import dataclass


@dataclass
class Clock:
    """Unix milliseconds, by default 2026-01-01 00:00 UTC."""

    ms: int = 1_767_225_600_000

    def __call__(self) -> int:
        return self.ms
