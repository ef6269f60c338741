"""The histories of all sources that have one."""

from shared.sources import (
    bank_of_canada_history,
    binance_history,
    coinbase_history,
    coingecko_history,
    kraken_history,
)

# In the order of `SOURCES`.
HISTORIES = (
    binance_history.history,
    kraken_history.history,
    coinbase_history.history,
    coingecko_history.history,
    bank_of_canada_history.history,
)
