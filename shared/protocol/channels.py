"""The two channels, and what a client sees of one.

`rates` sends one frame per symbol and is what clients of plain ticker servers expect; `rates_batch` sends one frame
per tick.
"""

from shared.model.assets import catalogue

RATES = "rates"
RATES_BATCH = "rates_batch"
CHANNELS = (RATES, RATES_BATCH)

View = tuple[str, ...] | None  # the symbols that a client sees; `None` is all of them


def symbols_of(view: View) -> list[str]:
    return list(catalogue() if view is None else view)
