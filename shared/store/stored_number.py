"""Numbers as they are stored. Anybody with access to a table may have written them, so each is looked at before use."""

from decimal import Decimal

# A larger number is no `seq`, `epoch` or time: it would not be exact in JSON, or leave no room for the next one.
LARGEST = 2**52


def believed(value: object) -> int:
    """A stored number from 0 to `LARGEST`, as a whole one; 0 if it is missing or anything else."""
    return int(value) if isinstance(value, Decimal) and 0 <= value <= LARGEST else 0
