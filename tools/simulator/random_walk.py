"""A random walk that can be asked for any step, forwards or back, at the same cost and always with the same answer."""

from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b

# The walk comes back to zero every 2^18 steps (three days of one second each): left running for weeks, prices stay
# plausible, and with a few numbers per level no history needs to be kept.
LEVELS = 18
PERIOD = 1 << LEVELS

# Fixed point: walks are whole numbers of millionths. No floats, so the same on every machine.
ONE = 1_000_000


def draw(*key: object) -> int:
    """A number from 0 to 2^64 - 1 that depends on nothing but the key."""
    text = "/".join(map(str, key)).encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")


@lru_cache(maxsize=200_000)
def _normal(seed: str, level: int, interval: int) -> int:
    """About a standard normal deviate, in millionths: the sum of four uniform ones of 16 bits each."""
    bits = draw(seed, level, interval)
    total = sum((bits >> shift) & 0xFFFF for shift in (0, 16, 32, 48)) - 2 * 0xFFFF
    # Four uniform numbers of width w have the standard deviation w * sqrt(4 / 12).
    return total * ONE * 1_000 // (0xFFFF * 577)


def walk(seed: str, step: int) -> Decimal:
    """Where the walk is at a step: it starts at 0, and one step is a move with a standard deviation of about 1.

    This is Levy's construction: halve the period again and again, and move each interval's middle at random by half
    the square root of its length. https://en.wikipedia.org/wiki/Wiener_process
    """
    position = 0
    for level in range(LEVELS):
        length = PERIOD >> level
        interval, at = divmod(step, length)
        if at == 0:
            break
        # A tent over the interval: 0 at its ends, 1 in its middle.
        height = min(at, length - at) * 2
        position += _normal(seed, level, interval) * height * _ROOTS[level] // (2 * length * ONE)
    return Decimal(position) / ONE


def wave(seed: str, step: int, length: int) -> Decimal:
    """Where a slow wave is at a step: about a standard normal deviate at every `length` steps, a straight line between
    them. It never leaves +-3.5."""
    interval, at = divmod(step, length)
    here, there = (_normal(seed, LEVELS, knot) for knot in (interval, interval + 1))
    return Decimal((here * (length - at) + there * at) // length) / ONE


# The square root of each level's interval, in millionths.
_ROOTS = [int(Decimal(PERIOD >> level).sqrt() * ONE) for level in range(LEVELS)]
