"""The channels that clients subscribe to, and how each sends a tick.

`rates` sends one frame per symbol, as plain ticker servers do. `rates_batch` sends one frame per tick, or its parts.
The connections table has an attribute with the name of each channel.
"""

RATES = "rates"
RATES_BATCH = "rates_batch"
CHANNELS = (RATES, RATES_BATCH)
_ONE_FRAME_PER_SYMBOL = {RATES}


def has_one_frame_per_symbol(channel: str) -> bool:
    """Whether each frame is complete in itself. Otherwise the frames of a tick belong together, in order."""
    return channel in _ONE_FRAME_PER_SYMBOL
