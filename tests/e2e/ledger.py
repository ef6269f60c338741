"""Holds every quote that clients were told against the stored ones, however long it takes until those were seen."""

import asyncio
import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from shared.model.values import Snapshot
from shared.protocol.quotes import quote_fields
from shared.store.quotes_table import QuotesTable
from tests.e2e.judged import COMPARED, LOOKS_PER_S

Key = tuple[str, int]  # symbol, seq
Values = tuple[Any, ...]  # of the fields COMPARED


@dataclass(frozen=True, slots=True)
class Update:
    """A frame of `rates_batch`, and the symbols that its client wants."""

    view: Collection[str]
    prev_seq: int
    seq: int
    symbols: frozenset[str]


class Ledger:
    """What was stored and what was told. `wrong` has a text for each quote that differs, `lacking` for each update
    without a quote that had changed."""

    def __init__(self) -> None:
        self._stored: dict[Key, Values] = {}
        self._waiting: dict[Key, Counter[Values]] = {}
        self._changed: dict[int, dict[str, int]] = {}  # when each symbol had changed last, by the snapshot's seq
        self._updates: list[Update] = []  # whose snapshot was not seen yet
        self.updates = 0
        self.lacking: list[str] = []
        self.seqs: list[int] = []
        self.seen_s: list[float] = []
        self.judged = 0
        self.wrong: list[str] = []

    def store(self, snapshot: Snapshot) -> None:
        """Note a stored snapshot, and judge what clients had heard before it was seen."""
        if not snapshot.seq or snapshot.seq == (self.seqs or [0])[-1]:
            return
        self.seqs.append(snapshot.seq)
        self.seen_s.append(time.monotonic())
        for quote in snapshot.quotes.values():
            key, values = (quote.symbol, quote.seq), values_of(quote_fields(quote))
            if self._stored.setdefault(key, values) != values:
                self.wrong.append(f"stored twice: {key} {self._stored[key]} and {values}")
            for told, count in self._waiting.pop(key, {}).items():
                self._judge(key, told, count)
        self._changed[snapshot.seq] = {symbol: quote.seq for symbol, quote in snapshot.quotes.items()}
        waiting, self._updates = self._updates, []
        for update in waiting:
            self.tell_update(update)

    def tell(self, quote: Mapping[str, Any]) -> None:
        """Note a quote that a client was told."""
        key, told = (quote["symbol"], quote["seq"]), values_of(quote)
        if key in self._stored:
            self._judge(key, told, 1)
        else:
            self._waiting.setdefault(key, Counter())[told] += 1

    def tell_update(self, update: Update) -> None:
        """Note an update: it has to hold each quote of the view that changed after `prev_seq`."""
        changed = self._changed.get(update.seq)
        if changed is None:
            self._updates.append(update)
            return
        self.updates += 1
        wanted = {symbol for symbol in update.view if update.prev_seq < changed.get(symbol, 0) <= update.seq}
        if missing := wanted - update.symbols:
            self.lacking.append(f"update {update.seq} after {update.prev_seq} lacks {sorted(missing)}")

    def contradictions(self) -> list[str]:
        """Return the quotes that clients were told differently, where no look at the table saw the stored one."""
        return [f"told {list(told)} for {key}" for key, told in self._waiting.items() if len(told) > 1]

    def unknown(self) -> int:
        """Return how many quotes were told and not judged: no look at the table saw the stored ones."""
        return sum(told.total() for told in self._waiting.values())

    def longest_silence_s(self, until_s: float) -> float:
        """Return the longest time between two stored snapshots before that moment."""
        times = [at for at in self.seen_s if at < until_s]
        return max((after - before for before, after in pairwise(times)), default=0.0)

    async def read(self, table: QuotesTable) -> None:
        """Look at the table until cancelled."""
        while True:
            self.store(await asyncio.to_thread(table.snapshot))
            await asyncio.sleep(1 / LOOKS_PER_S)

    def _judge(self, key: Key, told: Values, count: int) -> None:
        self.judged += count
        if told != self._stored[key]:
            self.wrong += [f"told {told} for {key}, stored {self._stored[key]}"] * count


def values_of(fields: Mapping[str, Any]) -> Values:
    return tuple(fields[name] for name in COMPARED)
