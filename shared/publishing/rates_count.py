"""Corrects how many places on `rates` are taken, by the connections that `publish` and its workers find."""

from collections.abc import Callable

from shared.store.rates_places import Places, RatesPlaces


class RatesCount:
    """Reads the number of places after each tick. A count is stored if it began after the number was last written.

    `places`: `None` if the channel has no cap.
    """

    def __init__(self, places: RatesPlaces | None) -> None:
        self._places = places
        self._seen: Places | None = None
        self._since_seq = 0

    def begin_again(self) -> None:
        """Forget the tick in which the number was read: the feed counts its ticks from the start."""
        self._seen = None

    def correct(self, seq: int, counted_since: Callable[[int], int | None]) -> None:
        """Correct the number after the tick `seq`. `counted_since`: how many connections are subscribed to the channel,
        as counted in the given tick or later; `None` if nobody knows."""
        if not self._places:
            return
        current = self._places.read()
        if self._seen != current:
            self._seen, self._since_seq = current, seq + 1
            return
        counted = counted_since(self._since_seq)
        if counted is not None and counted != current.taken:
            self._seen, self._since_seq = self._places.correct(counted, current), seq + 1
