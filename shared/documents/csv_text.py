"""CSV with a line of names: https://datatracker.ietf.org/doc/html/rfc4180"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from io import StringIO

from shared.model.wire import number_text


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> bytes:
    """The rows, each with a cell for each column: a number has all its digits, and what a row lacks is empty."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    return text.getvalue().encode()


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case Decimal():
            return number_text(value)
        case _:
            return str(value)
