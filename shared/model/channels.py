"""The channels that clients subscribe to, and how each sends a tick.

`rates` sends one frame per symbol, as plain ticker servers do. `rates_batch` sends one frame per tick, or its parts.
`rates_compact` sends the same with a row of numbers in place of each quote. The connections table has an attribute with
the name of each channel.
"""

RATES = "rates"
RATES_BATCH = "rates_batch"
RATES_COMPACT = "rates_compact"
CHANNELS = (RATES, RATES_BATCH, RATES_COMPACT)
AMOUNT, PERCENT = "amount", "percent"  # what `change` is on `rates`, by the operator's choice
_ONE_FRAME_PER_SYMBOL = {RATES}
_ROWS = {RATES_COMPACT}


def has_one_frame_per_symbol(channel: str) -> bool:
    """Whether each frame is complete in itself. Otherwise the frames of a tick belong together, in order."""
    return channel in _ONE_FRAME_PER_SYMBOL


def has_rows(channel: str) -> bool:
    """Whether its frames have a row of numbers in place of each quote."""
    return channel in _ROWS
