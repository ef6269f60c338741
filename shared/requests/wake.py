"""Starts an ingest for a listener when none runs."""

from collections.abc import Callable

from shared.store.quotes_table import Lease, QuotesTable


def wake_ingest_if_none_runs(
    quotes: QuotesTable, now_ms: int, longest_ms: int, wake_ingest: Callable[[], None]
) -> Lease:
    """Call `wake_ingest`, unless an ingest holds the lease or another listener has started one. Returns the lease.

    Join the audience first: an ingest that stops checks in the opposite order, so one of the two sees the other.
    `longest_ms`: a lease that ends later than that from now is not believed.
    """
    lease = quotes.lease()
    if not lease.is_live(now_ms, longest_ms) and quotes.claim_wake(now_ms, longest_ms):
        wake_ingest()
    return lease
