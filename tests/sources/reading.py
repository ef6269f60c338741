"""A source's prices in an answer, read like the feed: parsed and judged by the common rules."""

from types import ModuleType

from shared.model.values import Ticker
from shared.sources import upstream
from shared.sources.upstream import Answer


def read(module: ModuleType, answer: Answer) -> list[Ticker]:
    """Return the valid tickers. Raises: SourceUnavailable: there are none."""
    return [ticker for ticker in upstream.read(module.source(), answer) if not ticker.refused]


def refusals(module: ModuleType, answer: Answer) -> dict[str, str]:
    """Return the rule that each invalid ticker breaks, by market."""
    return {t.market: t.refused for t in upstream.read(module.source(), answer) if t.refused}
