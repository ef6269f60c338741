"""When an audience of 0 is believed.

`publish` corrects a wrong audience after the posts of a tick. So a run that was heard goes on for a while: an item that
was deleted or set to 0 while clients listen is right again by then.
"""

BELIEVED_AFTER_MS = 10_000
BELIEVED_AFTER_WRITES = 2  # without a written tick `publish` does not run


class Unheard:
    """Since when a run has found an audience of 0. `was_heard`: it took the lease from an ingest that ticked."""

    def __init__(self, *, was_heard: bool) -> None:
        self._was_heard = was_heard
        self._since: tuple[int, int] | None = None  # the stored `seq` and the time, when it was 0 first

    def is_believed(self, connections: int, seq: int, now_ms: int) -> bool:
        """Whether nobody listens, by the audience after the tick `seq`. A run that was never heard believes the first
        0: with nobody there the schedule starts a run each minute, which ticks once."""
        if connections:
            self._was_heard, self._since = True, None
            return False
        if not self._was_heard:
            return True
        if self._since is None:
            self._since = seq, now_ms
        from_seq, from_ms = self._since
        return seq >= from_seq + BELIEVED_AFTER_WRITES and now_ms >= from_ms + BELIEVED_AFTER_MS
