"""What the next snapshot follows: the stored one, or what is left of it if it was broken, lost or set back. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from aws_lambda_powertools import Logger

from shared.model.staleness import Ages
from shared.model.values import Polled, Snapshot
from shared.pricing.next_snapshot import next_snapshot
from shared.store.codec import pack, unpack
from shared.store.quotes_table import Lease, Stored

YEAR_2020_S = 1_577_836_800
MOST_PACKED_BYTES = 300_000  # of the 400 KB of an item; a snapshot of all quotes has 10 KB

logger = Logger(child=True)


@dataclass(frozen=True, slots=True)
class Base:
    """The snapshot that the next one follows, with the highest `seq` that clients may have been told.

    `instead_of`: the item that the next one replaces, if that is not this snapshot as it was written. Then every quote
    counts as changed, since nobody knows what clients have seen. `is_read`: it comes from the table, not from this run.
    """

    snapshot: Snapshot
    instead_of: Stored | None = None
    is_read: bool = False

    def next(self, polled: Polled, now_ms: int, limits: Ages) -> Snapshot:
        """The snapshot after it, from the sources' answers. If something stored stands in the way, it is left out."""
        if not self.is_read:
            return next_snapshot(self.snapshot, polled, now_ms, limits)
        *more, least = _less_and_less(self.snapshot)
        for old in more:
            try:
                new = next_snapshot(old, polled, now_ms, limits)
                packed = pack(new)
                if len(packed) <= MOST_PACKED_BYTES:
                    unpack(packed)  # what cannot be read again would stop the next run
                    return self._marked(new)
                logger.error("the next snapshot is too large for its item", seq=new.seq)
            except Exception:  # whatever is stored, the feed goes on
                logger.exception("the stored snapshot cannot be continued", seq=old.seq)
        return self._marked(next_snapshot(least, polled, now_ms, limits))

    def _marked(self, new: Snapshot) -> Snapshot:
        if not self.instead_of:
            return new
        quotes = {symbol: replace(quote, seq=new.seq) for symbol, quote in new.quotes.items()}
        return replace(new, quotes=quotes, unavailable=dict.fromkeys(new.unavailable, new.seq))


def base_of(
    stored: Stored, lease: Lease, now_ms: int, *, known: Snapshot | None = None, was_lost: bool = False
) -> Base:
    """What the holder of `lease` continues: `stored`, or the snapshot that this run last wrote (`known`) if the stored
    one is behind it or has no prices, or if it is broken and not newer.

    `was_lost`: the lease's item was missing. If there is a snapshot nevertheless, the table was restored, and only the
    time says which `seq` is higher than all that clients were told: there is at most one a second.
    """
    read, is_sound = stored.snapshot, stored.is_sound
    snapshot = read
    if known and (read.seq < known.seq or not read.quotes or (not is_sound and read.ts_ms <= known.ts_ms)):
        snapshot = known
    told = max(read.seq, snapshot.seq)
    if told + 1 < lease.seq:
        told = lease.seq
    if was_lost and stored.attributes is not None:
        told = max(told, now_ms // 1000 - YEAR_2020_S)
    is_continued = is_sound and read.seq == told
    return Base(replace(snapshot, seq=told), None if is_continued else stored, is_read=True)


def _less_and_less(snapshot: Snapshot) -> Iterator[Snapshot]:
    yield snapshot
    yield Snapshot(
        seq=snapshot.seq,
        candles=snapshot.candles,
        usd_cad_history=snapshot.usd_cad_history,
        usdt_cad_history=snapshot.usdt_cad_history,
    )
    yield Snapshot(seq=snapshot.seq)
