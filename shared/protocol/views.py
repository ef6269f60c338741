"""A view: the symbols of a channel that a client sees."""

from shared.model.assets import catalogue

View = tuple[str, ...] | None  # the symbols that a client sees; `None` is all of them


def symbols_of(view: View) -> list[str]:
    """The view's symbols, in the catalogue's order."""
    return list(catalogue() if view is None else view)
