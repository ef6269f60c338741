"""A clock that stands until a test moves it."""

from dataclasses import dataclass


@dataclass
class Clock:
    """Unix milliseconds: 2026-01-01 00:00 UTC unless told."""

    ms: int = 1_767_225_600_000

    def __call__(self) -> int:
        return self.ms
