"""When a document is known, and for how long it is kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.documents.caching import Document, is_known, rest_of_tick_s

ETAG, DATE = '"41-0a1b2c3d-17"', "Tue, 18 Jun 2024 10:48:43 GMT"
EARLIER, LATER = DATE.replace(":43", ":42"), DATE.replace(":43", ":44")


@pytest.mark.parametrize(
    ("headers", "known"),
    [
        ({}, False),
        ({"if-none-match": ETAG}, True),
        ({"if-none-match": f"W/{ETAG}"}, True),
        ({"if-none-match": f'"40-0", {ETAG}'}, True),
        ({"if-none-match": "*"}, True),
        ({"if-none-match": '"40-0"'}, False),
        ({"if-none-match": ETAG.strip('"')}, False),
        ({"if-none-match": '"40-0"', "if-modified-since": LATER}, False),
        ({"if-modified-since": DATE}, True),
        ({"if-modified-since": LATER}, True),
        ({"if-modified-since": EARLIER}, False),
        ({"if-modified-since": "yesterday"}, False),
        ({"if-modified-since": "Tue, 18 Jun 99999 10:48:43 GMT"}, False),
        ({"if-modified-since": ""}, False),
        ({"if-modified-since": "18 Jun 2024 10:48:43"}, False),
    ],
)
def test_a_document_is_known_by_its_name_or_else_its_date(headers: dict[str, str], known: bool) -> None:
    assert is_known(ETAG, DATE, headers) is known


def test_a_document_is_named_by_its_content() -> None:
    one, other = Document(b"a", "text/csv", 41, 1_718_707_723_456), Document(b"b", "text/csv", 41, 1_718_707_723_456)
    assert one.etag != other.etag
    assert one.etag.startswith('"41-')
    assert one.last_modified == DATE


@given(st.integers(0, 2**41), st.integers(1, 60), st.integers(-(10**6), 10**8))
def test_it_is_kept_into_the_next_tick_and_not_beyond(ts_ms: int, tick_s: int, age_ms: int) -> None:
    kept_s = rest_of_tick_s(ts_ms, tick_s * 1000, ts_ms + age_ms)
    assert 1 <= kept_s <= tick_s
    due_ms = (age_ms // (tick_s * 1000) + 1) * tick_s * 1000
    assert 0 <= age_ms + kept_s * 1000 - due_ms < 1000
