"""What the sources' histories share: the description of an API that states a market's past candles."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shared.model.candles import Candle
from shared.sources.http_get import Answer


@dataclass(frozen=True, slots=True)
class Wanted:
    """The candles of a market that began at or after `from_ms` and before `until_ms`, which both begin an interval."""

    market: str
    interval: str
    from_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class History:
    """A source's history of candles, in the currency of the market.

    `base_url` is the source's public address. `path` and `params` make the request, `parse` reads its answer: the
    candles that were wanted, oldest first, with `ticks` 0. `parse` raises `SourceUnavailable` if the answer is not as
    documented. `is_unknown` says whether an error status and its JSON body mean that the source has no such market.

    `most` is how many candles of an interval one request can get, `reach` how many before now the source still has (an
    interval without an entry: no limit). An interval that is not in `most` is not offered. `every_ms` is the least time
    between two requests. `max_body_bytes` is the longest answer that is read: `most` candles, and some room.
    `key_header` names the header for a key, given the base URL, if the source takes one.
    """

    name: str
    base_url: str
    path: Callable[[Wanted], str]
    params: Callable[[Wanted], Mapping[str, str]]
    parse: Callable[[Answer, Wanted], list[Candle]]
    is_unknown: Callable[[int, object], bool]
    most: Mapping[str, int]
    reach: Mapping[str, int]
    every_ms: int
    max_body_bytes: int
    key_header: Callable[[str], str] | None = None
