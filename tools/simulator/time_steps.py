"""The time steps of the simulated market: where a day begins, which steps are its marks, when a step was."""

from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal

from tools.simulator.market import DAY_MS, Moment

MARKS_PER_DAY = 24


@dataclass(frozen=True, slots=True)
class TimeSteps:
    """Steps of `length_ms`, the first of which began at `began_ms`. `jumps`: after which step so many more were made at
    once, which took no time."""

    length_ms: Decimal
    began_ms: int = 0
    jumps: tuple[tuple[int, int], ...] = ()

    @property
    def per_day(self) -> int:
        return max(MARKS_PER_DAY, int(DAY_MS / self.length_ms))

    def index(self, elapsed: int) -> int:
        """The step that it is when the clock has made so many."""
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

    def marks(self, index: int) -> list[int]:
        """The steps of the last 24 h at which highs and lows are taken. They stand, so that prices there are drawn once
        and then known."""
        begins = index - self.per_day
        every = self.per_day // MARKS_PER_DAY
        return list(range(begins - begins % every + every, index, every))

    def refreshed(self, index: int, every_s: int) -> int:
        """The last step at or before that one at which something is refreshed that is so every so many seconds."""
        every = max(1, int(every_s * 1000 / self.length_ms))
        return index - index % every

    def time_ms(self, moment: Moment, step: int) -> int:
        """When a step of the past began. It is the same at every moment: no time of a source runs backwards."""
        into = Decimal(moment.now_ms - self.began_ms) % self.length_ms
        jumped = sum(max(0, min(moment.index, at + count) - max(step, at)) for at, count in self.jumps)
        return int(moment.now_ms - into - (moment.index - step - jumped) * self.length_ms)

    def midnight(self, moment: Moment) -> int:
        """The step at the beginning of the day of UTC."""
        since = self.time_ms(moment, moment.index) - moment.now_ms // DAY_MS * DAY_MS
        return moment.index - int((since / self.length_ms).to_integral_value(ROUND_CEILING))
