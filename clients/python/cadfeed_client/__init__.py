"""A client of the feed: live crypto quotes in CAD as they change, over a connection that is kept for you.

Needs Python 3.11 and `websockets`, nothing else: `pip install ./clients/python`, or copy this folder into your project.

```python
import asyncio

from cadfeed_client import Feed


async def main() -> None:
    async with Feed("wss://HOST/markets/ws/", symbols=["BTC_CAD", "ETH_CAD"]) as feed:
        async for quote in feed:
            print(quote.symbol, quote.spot, quote.change_pct, "stale" if quote.stale else "live")


asyncio.run(main())
```

- `async for quote in feed` yields each quote that is new or has changed, as the book has it. A consumer that is slower
  than the market gets the newest of each symbol: every quote is the whole state of its symbol.
- `async for change in feed.changes()` yields a `Withdrawn` too, when a symbol that was shown no longer has a price.
- `feed.book` is the picture as it stands: `quotes` by symbol, the symbols that are `unavailable`, their `order`.
- `quote.sources` is how many independent sources agree with the price, its own included: at 1 nobody confirms it.
- `await feed.explain("BTC_CAD")` tells why a price is what it is, with every market behind it.
- `feed.state` is the state of the connection, with the reason: connecting, live, late (the feed itself has had nothing
  new for a while), stale (something was missed, and the client has asked for the whole state), reconnecting, polling
  (no socket can be opened, and the quotes come over HTTP meanwhile), closed. `on_state` is called with each change.
- `feed.book.status` is what the feed says about its sources: which are `down`, and which `suspect`.
"""

from .answers import (
    Asset,
    AssetsRequest,
    Candle,
    ExplainRequest,
    History,
    HistoryRequest,
    Interval,
    PingRequest,
    Pong,
    Request,
    Snapshot,
    SnapshotRequest,
    Trends,
    TrendsRequest,
)
from .book import Book, Change, Kind, Withdrawn
from .errors import FeedError, Refused, RequestError
from .explanation import Candidate, Explanation
from .feed import Feed
from .machine import Heard, Link, State
from .quote import Quote
from .status import FeedStatus
from .sync import SyncFeed
from .tokens import Token

__version__ = "0.1.0"

__all__ = [
    "Asset",
    "AssetsRequest",
    "Book",
    "Candidate",
    "Candle",
    "Change",
    "ExplainRequest",
    "Explanation",
    "Feed",
    "FeedError",
    "FeedStatus",
    "Heard",
    "History",
    "HistoryRequest",
    "Interval",
    "Kind",
    "Link",
    "PingRequest",
    "Pong",
    "Quote",
    "Refused",
    "Request",
    "RequestError",
    "Snapshot",
    "SnapshotRequest",
    "State",
    "SyncFeed",
    "Token",
    "Trends",
    "TrendsRequest",
    "Withdrawn",
]
