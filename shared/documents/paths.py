"""The paths of the documents, and what each asks for."""

import re
from dataclasses import dataclass
from enum import Enum, auto

JSON, CSV = "json", "csv"
# What CloudFront and the local edge send to the documents' API. `*` stands for any text.
PATTERNS = ("/markets/*", "/api/*")


class Kind(Enum):
    """What a document is about."""

    QUOTES = auto()
    QUOTE = auto()
    HISTORY = auto()
    ASSETS = auto()
    STATUS = auto()
    COINS = auto()


@dataclass(frozen=True, slots=True)
class Wanted:
    """The document that a path names. `symbol` and `interval` are as written in the path, and may not exist."""

    kind: Kind
    form: str = JSON
    symbol: str = ""
    interval: str = ""


FIXED = {
    "/markets/rates.json": Wanted(Kind.QUOTES),
    "/markets/rates.csv": Wanted(Kind.QUOTES, CSV),
    "/markets/assets.json": Wanted(Kind.ASSETS),
    "/markets/status.json": Wanted(Kind.STATUS),
    "/api/coins/": Wanted(Kind.COINS),
    "/api/coins": Wanted(Kind.COINS),
}
QUOTE = re.compile(r"/markets/rates/([^/]+)\.json")
HISTORY = re.compile(rf"/markets/history/([^/]+)/([^/]+)\.({JSON}|{CSV})")


def wanted(path: str) -> Wanted | None:
    """The document that a path names; `None`: there is none of that name."""
    if path in FIXED:
        return FIXED[path]
    if found := QUOTE.fullmatch(path):
        return Wanted(Kind.QUOTE, symbol=found[1])
    if found := HISTORY.fullmatch(path):
        return Wanted(Kind.HISTORY, found[3], found[1], found[2])
    return None
