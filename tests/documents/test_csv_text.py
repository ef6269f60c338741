"""CSV that every reader understands alike: https://datatracker.ietf.org/doc/html/rfc4180"""

import csv
import io
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from shared.documents.csv_text import csv_text


def test_a_cell_has_all_digits_and_a_missing_one_is_empty() -> None:
    row = {"a": Decimal("0.000012439404"), "b": True, "c": 7, "d": None, "e": "x,y"}
    assert csv_text("abcdef", [row]) == b'a,b,c,d,e,f\r\n0.0000124394,true,7,,"x,y",\r\n'.replace(
        b"0.0000124394", b"0.000012439404"
    )


@given(st.lists(st.fixed_dictionaries({"one": st.text(), "two": st.text()})))
def test_any_text_comes_back(rows: list[dict[str, str]]) -> None:
    clean = [{name: text.replace("\x00", "") for name, text in row.items()} for row in rows]
    written = csv_text(("one", "two"), clean).decode()
    assert list(csv.DictReader(io.StringIO(written, newline=""), strict=True)) == clean
