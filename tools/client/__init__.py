"""A client of the feed: live crypto quotes in CAD as they change, over a connection that is kept for you.

Needs Python 3.11 and `websockets`, nothing else: copy this folder into your own project.

```python
import asyncio

from tools.client import Feed


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
- `feed.state` says how the connection does, and why: connecting, live, stale (something was missed, the whole state has
  been asked for), reconnecting, closed. `on_state` is called with each change of it.
"""

from .book import Book, Change, Kind, Outcome, Withdrawn
from .feed import Feed
from .machine import Heard, Link, Refused, State
from .quote import Quote

__all__ = ["Book", "Change", "Feed", "Heard", "Kind", "Link", "Outcome", "Quote", "Refused", "State", "Withdrawn"]
