"""A random walk with access to any step, forwards or back, at the same cost and with the same result."""

from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b

# The walk returns to zero every 2^18 steps (three days of one second each). So prices stay plausible for weeks, and
# a few numbers per level replace any history.
LEVELS = 18
PERIOD = 1 << LEVELS

# Fixed point: walks are whole numbers of millionths. Without floats they are the same on every machine.
ONE = 1_000_000


def draw(*key: object) -> int:
    """Return a number from 0 to 2^64 - 1 that depends only on the key."""
    return _drawn("/".join(map(str, key)))


def _drawn(key: str) -> int:
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big")


@lru_cache(maxsize=200_000)
def _normal(seed: str, level: int, interval: int) -> int:
    """Return roughly a standard normal deviate in millionths: the sum of four uniform ones of 16 bits each."""
    bits = _drawn(f"{seed}/{level}/{interval}")
    total = sum((bits >> shift) & 0xFFFF for shift in (0, 16, 32, 48)) - 2 * 0xFFFF
    # Four uniform numbers of width w have the standard deviation w * sqrt(4 / 12).
    return total * ONE * 1_000 // (0xFFFF * 577)


def walk(seed: str, step: int) -> Decimal:
    """Return the walk's value at a step. It starts at 0, and one step has a standard deviation of about 1.

    This is Levy's construction: halve the period repeatedly, and move each interval's middle at random by half the
    square root of its length. https://en.wikipedia.org/wiki/Wiener_process
    """
    position = 0
    for level in range(LEVELS):
        length = PERIOD >> level
        interval, at = divmod(step, length)
        if at == 0:
            break
        # A triangle over the interval: 0 at its ends, 1 in its middle.
        height = min(at, length - at) * 2
        position += _normal(seed, level, interval) * height * _ROOTS[level] // (2 * length * ONE)
    return Decimal(position) / ONE


def wave(seed: str, step: int, length: int) -> Decimal:
    """Return a slow wave's value at a step, always within +-3.5.

    It is roughly a standard normal deviate at every `length` steps and a straight line between them.
    """
    interval, at = divmod(step, length)
    here, there = (_normal(seed, LEVELS, knot) for knot in (interval, interval + 1))
    return Decimal((here * (length - at) + there * at) // length) / ONE


FARTHEST_WAVE = Decimal("3.5")


def extremes(seed: str, first: int, last: int) -> tuple[Decimal, Decimal]:
    """Return the walk's lowest and highest value at the steps from `first` to `last`, both included.

    It goes down the construction's halves and leaves out those that cannot hold a new extreme, so an hour costs little
    more than a minute.
    """
    ends = [walk(seed, step) for step in (first, last)]
    found = [int(min(ends) * ONE), int(max(ends) * ONE)]
    for period in range(first // PERIOD, last // PERIOD + 1):
        # Both ends of a period are zero.
        pending = [(0, period, 0, 0)]
        while pending:
            level, interval, here, there = pending.pop()
            length = PERIOD >> level
            begins = interval * length
            if begins > last or begins + length < first:
                continue
            for step, value in ((begins, here), (begins + length, there)):
                if first <= step <= last:
                    found = [min(found[0], value), max(found[1], value)]
            if level == LEVELS:
                continue
            farthest = _FARTHEST * _ROOTS[level] // 10
            if max(here, there) + farthest <= found[1] and min(here, there) - farthest >= found[0]:
                continue
            middle = (here + there) // 2 + _normal(seed, level, interval) * _ROOTS[level] // (2 * ONE)
            pending += [(level + 1, 2 * interval, here, middle), (level + 1, 2 * interval + 1, middle, there)]
    return Decimal(found[0]) / ONE, Decimal(found[1]) / ONE


# The square root of each level's interval, in millionths.
_ROOTS = [int(Decimal(PERIOD >> level).sqrt() * ONE) for level in range(LEVELS)]

# No value inside an interval lies farther from its ends than that many tenths of the root of its length: a normal
# deviate is at most 3.47, and the moves of all levels below add up to 1 / 2 / (1 - 1 / sqrt(2)) = 1.71 of it.
_FARTHEST = 60
