"""What a consumer has not taken yet: the newest change of each symbol, however slow the consumer is."""

import asyncio
from collections.abc import Iterable

from .book import Change


class Conflation:
    """A queue that holds one change per symbol. A newer one takes the older one's place, so none waits forever."""

    def __init__(self, changes: Iterable[Change] = ()) -> None:
        self._waiting = {change.symbol: change for change in changes}
        self._news = asyncio.Event()
        self._ended = False

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, changes: Iterable[Change]) -> None:
        """Add changes; never waits."""
        self._waiting.update((change.symbol, change) for change in changes)
        self._news.set()

    def end(self) -> None:
        """Nothing more will come."""
        self._ended = True
        self._news.set()

    async def take(self) -> Change | None:
        """The change that has waited longest, once there is one; `None` when nothing waits and nothing will come."""
        while not self._waiting:
            if self._ended:
                return None
            self._news.clear()
            await self._news.wait()
        return self._waiting.pop(next(iter(self._waiting)))
