"""Where another design costs less than this one."""

from dataclasses import dataclass
from itertools import pairwise

from tools.cost.designs import Design, bill
from tools.cost.workload import Options

# Between two of these, one design is assumed to overtake the other at most once.
STEPS: tuple[int, ...] = (*(times * 10**power for power in range(7) for times in (1, 2, 3, 5, 7)), 10**7)


@dataclass(frozen=True, slots=True)
class Cheaper:
    """The range of connections in which a design costs less than this one; `None`: up to the limit of the search."""

    first: int
    last: int | None


def cheaper(design: Design, options: Options) -> list[Cheaper]:
    """Return where that design costs less, from 1 to 10 million connections. Tiers can make several ranges."""
    found: list[Cheaper] = []
    first = 1 if _is_cheaper(design, options.at(1)) else None
    for below, above in pairwise(STEPS):
        now = _is_cheaper(design, options.at(above))
        if now == (first is not None):
            continue
        changed = _first_where(now, design, options, below, above)
        if first is None:
            first = changed
        else:
            found.append(Cheaper(first, changed - 1))
            first = None
    return found if first is None else [*found, Cheaper(first, None)]


def _first_where(wanted: bool, design: Design, options: Options, below: int, above: int) -> int:
    while above - below > 1:
        middle = (below + above) // 2
        if _is_cheaper(design, options.at(middle)) == wanted:
            above = middle
        else:
            below = middle
    return above


def _is_cheaper(design: Design, options: Options) -> bool:
    return bill(design, options).total < bill(Design.THIS, options).total
