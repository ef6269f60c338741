"""Why a tick holds prices, as its log tells: the answer to a client's question after the explanations have gone."""

from collections.abc import Collection

from shared.model.values import Snapshot


def newly_held(snapshot: Snapshot, held_before: Collection[str]) -> dict[str, list[str]]:
    """The symbols whose price this tick holds and the one before did not, each with what its markets state: source,
    market, price in CAD, verdict and reason (docs/prices.md lists the reasons)."""
    explained = snapshot.explained
    return {
        symbol: [
            f"{each.source}:{each.market} {each.price_cad} {each.verdict} {each.reason}"
            for each in (explained[symbol].candidates if symbol in explained else ())
        ]
        for symbol in snapshot.held
        if symbol not in held_before
    }
