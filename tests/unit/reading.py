"""A source's prices in an answer, by the way that the feed reads it: parsed, and judged by the rules for all."""

from types import ModuleType

from shared.model.values import Ticker
from shared.sources import upstream
from shared.sources.upstream import Answer


def read(module: ModuleType, answer: Answer) -> list[Ticker]:
    """The tickers that are prices. Raises: SourceUnavailable, where there are none."""
    return [ticker for ticker in upstream.read(module.source(), answer) if not ticker.refused]


def refusals(module: ModuleType, answer: Answer) -> dict[str, str]:
    """The rule that each other one breaks, by market."""
    return {t.market: t.refused for t in upstream.read(module.source(), answer) if t.refused}
