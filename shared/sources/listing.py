"""Which of the feed's markets exist at a source, learned from its answer for all markets.

One unknown name fails a whole request, so a source is asked by names only after it has listed its markets.
"""

from collections.abc import Callable, Iterable

RENEWED_AFTER_MS = 3_600_000  # a new market is found within an hour
BY_NAMES_FOR_MS = 60_000  # after a request for all markets failed


class Listing:
    """The existing names, trading now or not. A list serves until a new one arrives; without any list the feed's own
    names are tried.

    `wanted` returns the feed's names, `clock_ms` a time that cannot go back.
    """

    def __init__(self, wanted: Callable[[], Iterable[str]], clock_ms: Callable[[], int]) -> None:
        self._wanted = wanted
        self._clock_ms = clock_ms
        self._names: frozenset[str] = frozenset()
        self._renew_at_ms = 0
        self._by_names_until_ms = 0
        self._asked_for_all = False

    def names_to_ask(self) -> tuple[str, ...]:
        """The names for the next request; empty to ask for all markets."""
        now_ms = self._clock_ms()
        self._asked_for_all = now_ms >= max(self._renew_at_ms, self._by_names_until_ms)
        return () if self._asked_for_all else tuple(sorted(self._names or self._wanted()))

    def learn(self, names: Iterable[str]) -> None:
        """Call after an answer that has these markets."""
        found = frozenset(names) & frozenset(self._wanted())
        if self._asked_for_all and found:
            self._names = found
            self._renew_at_ms = self._clock_ms() + RENEWED_AFTER_MS

    def refused(self) -> None:
        """Call after a failed request. If it was for all markets, the next ones are by names for a while."""
        if self._asked_for_all:
            self._by_names_until_ms = self._clock_ms() + BY_NAMES_FOR_MS

    def is_wrong(self) -> None:
        """Call after an error about an unknown name. The next request asks for all markets, to find that name."""
        self._renew_at_ms = self._by_names_until_ms = 0
