"""Which of the feed's markets a source has, learned from its answer for all markets.

One unknown name fails a whole request, so a source is asked by names only once it has told which there are.
"""

from collections.abc import Callable, Iterable

RENEWED_AFTER_MS = 3_600_000  # a market that is new is found within an hour
BY_NAMES_FOR_MS = 60_000  # after the list of all was refused


class Listing:
    """The names that exist, live just now or not. A list is replaced only by a new one: while that is refused the old
    one serves, and where there is none, the feed's own names are tried.

    `wanted` gives the feed's names, `clock_ms` a time that cannot go back.
    """

    def __init__(self, wanted: Callable[[], Iterable[str]], clock_ms: Callable[[], int]) -> None:
        self._wanted = wanted
        self._clock_ms = clock_ms
        self._names: frozenset[str] = frozenset()
        self._renew_at_ms = 0
        self._by_names_until_ms = 0
        self._asked_for_all = False

    def names_to_ask(self) -> tuple[str, ...]:
        """The names for the next request; none to ask for all markets."""
        now_ms = self._clock_ms()
        self._asked_for_all = now_ms >= max(self._renew_at_ms, self._by_names_until_ms)
        return () if self._asked_for_all else tuple(sorted(self._names or self._wanted()))

    def learn(self, names: Iterable[str]) -> None:
        """After an answer that names these markets."""
        found = frozenset(names) & frozenset(self._wanted())
        if self._asked_for_all and found:
            self._names = found
            self._renew_at_ms = self._clock_ms() + RENEWED_AFTER_MS

    def refused(self) -> None:
        """After a request without an answer: for a while all markets are not asked for again."""
        if self._asked_for_all:
            self._by_names_until_ms = self._clock_ms() + BY_NAMES_FOR_MS

    def is_wrong(self) -> None:
        """After an error that says so: a name is gone, and only the list of all markets tells which."""
        self._renew_at_ms = self._by_names_until_ms = 0
