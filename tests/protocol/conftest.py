"""The Lambdas and their tables, as the unit tests have them."""

from tests.unit.conftest import (
    api,
    aws,
    connections_items,
    connections_table,
    load,
    quotes_items,
    quotes_table,
)

__all__ = ["api", "aws", "connections_items", "connections_table", "load", "quotes_items", "quotes_table"]
