"""`make catalogue-check`: compare the catalogue with the exchanges' lists: markets that are gone, renamed or new."""

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import requests
from rich.console import Console

from shared.model.assets import catalogue
from shared.sources import binance, coinbase, coingecko, kraken, ndax
from shared.sources.http_get import USER_AGENT
from tools.local.aws import CannotStart
from tools.market_source import market

TIMEOUT_S = 60
HALF_A_YEAR_MS = 182 * 86_400_000


@dataclass(frozen=True, slots=True)
class Listing:
    """How to get the names of a source's open markets, and how it would name an asset's market."""

    source: str
    base_url: str
    path: str
    params: Mapping[str, str]
    open_markets: Callable[[Any], set[str]]
    expected: Callable[[str], str]


LISTINGS = (
    Listing(
        binance.NAME,
        binance.BASE_URL,
        "/api/v3/ticker/24hr",
        {"type": "MINI", "symbolStatus": "TRADING"},
        lambda rows: {row["symbol"] for row in rows if row["count"] > 0},
        lambda code: f"{code}USDT",
    ),
    Listing(
        kraken.NAME,
        kraken.BASE_URL,
        "/0/public/AssetPairs",
        {},
        lambda body: {pair["altname"] for pair in body["result"].values() if pair["status"] == "online"},
        lambda code: f"{code}USD",
    ),
    Listing(
        ndax.NAME,
        ndax.BASE_URL,
        ndax.PATH,
        {},
        lambda rows: {name for name, row in rows.items() if not row["isFrozen"] and row["highestBid"]},
        lambda code: f"{code}_CAD",
    ),
    Listing(
        coinbase.NAME,
        coinbase.BASE_URL,
        "/products",
        {},
        lambda rows: {row["id"] for row in rows if row["status"] == "online" and not row["trading_disabled"]},
        lambda code: f"{code}-USD",
    ),
    Listing(
        coingecko.NAME,
        coingecko.BASE_URL,
        "/api/v3/coins/list",
        {},
        lambda rows: {row["id"] for row in rows},
        lambda _: "",
    ),
)


def main() -> int:
    """Return 0, or 1 if a market of the catalogue is not open or a list is unavailable."""
    parser = argparse.ArgumentParser(prog="python -m tools.catalogue_check", description=__doc__)
    parser.add_argument("--simulated", action="store_true", help="ask the exchange on this machine")
    options = parser.parse_args()
    console = Console(highlight=False)
    try:
        with market([], live=not options.simulated) as urls:
            fine = [check(listing, urls.get(listing.source, listing.base_url), console) for listing in LISTINGS]
    except CannotStart as error:
        console.print(str(error), style="red", markup=False)
        return 1
    return 0 if all([*fine, upgrades_go_on(console, time.time_ns() // 1_000_000)]) else 1


def upgrades_go_on(console: Console, now_ms: int) -> bool:
    """Return whether each upgrade's table reaches half a year ahead; print those that end sooner."""
    soon_ms = now_ms + HALF_A_YEAR_MS
    ending = [
        f"{asset.code} to {market.name}"
        for asset in catalogue().values()
        for market in asset.markets
        if market.upgrade and market.upgrade[-1][0] < soon_ms
    ]
    for name in ending:
        console.print(f"upgrade of {name}: its table in assets.json ends within half a year; add the next steps")
    return not ending


def check(listing: Listing, base_url: str, console: Console) -> bool:
    """Print which markets of the catalogue are not open at a source, and which open ones it lacks."""
    try:
        with console.status(f"asking {listing.source}"):
            answer = requests.get(
                base_url + listing.path,
                params=dict(listing.params),
                headers={"User-Agent": USER_AGENT},
                timeout=TIMEOUT_S,
            )
            answer.raise_for_status()
            found = listing.open_markets(answer.json())
    except (requests.RequestException, ValueError, LookupError, TypeError) as error:
        console.print(f"{listing.source}: its list is unavailable ({type(error).__name__}); try again later")
        return False
    known = {
        market.name: asset
        for asset in catalogue().values()
        for market in asset.markets
        if market.source == listing.source
    }
    gone = [name for name in known if name not in found]
    console.print(f"{listing.source}: {len(known) - len(gone)} of {len(known)} markets open", style="bold")
    unseen = {m.name: m.unseen_since for asset in catalogue().values() for m in asset.markets if m.unseen_since}
    for name in gone:
        now = known[name].renamed_to
        since = f", not seen since {unseen[name]}" if name in unseen else ""
        console.print(f"  gone     {name} ({known[name].code})" + (f", renamed to {now}" if now else "") + since)
    ended = {m.name: asset for asset in catalogue().values() for m in asset.past_markets if m.source == listing.source}
    for name in ended.keys() & found:
        console.print(f"  again    {name} ({ended[name].code}): it had ended; it may be another coin now")
    for asset in catalogue().values():
        for code in filter(None, (asset.code, asset.renamed_to)):
            if (name := listing.expected(code)) in found and name not in known and name not in ended:
                console.print(f"  new      {name} ({asset.code})")
    return not gone


if __name__ == "__main__":
    sys.exit(main())
