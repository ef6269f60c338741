"""The time steps of the simulated market: the start of a day, its marks, and the time of a step."""

from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal

from tools.simulator.market import DAY_MS, Moment

MARKS_PER_DAY = 24


@dataclass(frozen=True, slots=True)
class TimeSteps:
    """Steps of `length_ms`; the first began at `began_ms`.

    `jumps` maps a step to the number of extra steps after it, which took no time.
    """

    length_ms: Decimal
    began_ms: int = 0
    jumps: tuple[tuple[int, int], ...] = ()

    @property
    def per_day(self) -> int:
        return max(MARKS_PER_DAY, int(DAY_MS / self.length_ms))

    def index(self, elapsed: int) -> int:
        """Return the step after the clock has made that many."""
        index = elapsed
        for after, count in self.jumps:
            if index >= after:
                index += count
        return index

    def jumped(self, after: int, count: int) -> "TimeSteps":
        if self.jumps and sum(self.jumps[-1]) == after:
            begun, before = self.jumps[-1]
            return replace(self, jumps=(*self.jumps[:-1], (begun, before + count)))
        return replace(self, jumps=(*self.jumps, (after, count)))

    def marks(self, index: int) -> range:
        """Return the steps of the last 24 h that highs and lows use; they are fixed, so prices are computed once."""
        begins = index - self.per_day
        every = self.per_day // MARKS_PER_DAY
        return range(begins - begins % every + every, index, every)

    def refreshed(self, index: int, every_s: int) -> int:
        """Return the last step, at or before that one, of a refresh with that period in seconds."""
        every = max(1, int(every_s * 1000 / self.length_ms))
        return index - index % every

    def begins_ms(self, step: int) -> int:
        """Return when a step before the first began."""
        return self.began_ms + int(step * self.length_ms)

    def elapsed(self, time_ms: int) -> int:
        """Return how many steps the clock had made at a time; a negative number before the first."""
        return (time_ms - self.began_ms) * 1_000 // int(self.length_ms * 1_000)

    def time_ms(self, moment: Moment, step: int) -> int:
        """Return when a past step began. It never changes, so no time of a source runs backwards."""
        into = Decimal(moment.now_ms - self.began_ms) % self.length_ms
        jumped = sum(max(0, min(moment.index, at + count) - max(step, at)) for at, count in self.jumps)
        return int(moment.now_ms - into - (moment.index - step - jumped) * self.length_ms)

    def midnight(self, moment: Moment) -> int:
        """Return the step at the beginning of the UTC day."""
        since = self.time_ms(moment, moment.index) - moment.now_ms // DAY_MS * DAY_MS
        return moment.index - int((since / self.length_ms).to_integral_value(ROUND_CEILING))
