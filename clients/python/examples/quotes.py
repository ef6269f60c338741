"""Shows three quotes and the last candles of a symbol: `python quotes.py wss://HOST/markets/ws/ BTC_CAD`."""

import sys
from itertools import islice

from cadfeed_client import FeedError, HistoryRequest, SyncFeed


def main(url: str, symbol: str) -> int:
    """Print them. Returns the exit code."""
    try:
        with SyncFeed(url, symbols=[symbol]) as feed:
            for quote in islice(feed, 3):
                confirmed = f"{quote.sources} sources agree" if quote.sources > 1 else "nobody confirms it"
                print(f"{quote.symbol} {quote.bid} {quote.ask} {quote.spot} ({confirmed})")
            history = feed.request(HistoryRequest(symbol, "1m", limit=5))
            print(f"{len(history.candles)} candles, in progress: {history.in_progress}")
    except FeedError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
