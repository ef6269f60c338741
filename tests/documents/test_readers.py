"""A reader counts as a listener for a minute, and starts an ingest if none runs."""

import pytest

from shared.documents.readers import JOIN_EVERY_MS
from shared.store.quotes_table import READERS_STAY_MS, QuotesTable
from tests.documents.conftest import Served
from tests.documents.test_documents import WITH_PRICES
from tests.documents.test_paths import DOCUMENTS
from tests.samples import LIMITS, NOW_MS


def is_heard(served: Served) -> bool:
    return served.quotes.counted_audience().is_heard(served.now_ms)


@pytest.mark.parametrize("path", DOCUMENTS)
def test_who_reads_prices_listens_and_nobody_else(served: Served, path: str) -> None:
    served.quotes.count_audience(0, served.quotes.counted_audience())
    assert served.get(path).status == 200
    assert is_heard(served) is (path in WITH_PRICES)
    assert served.woken == ([NOW_MS] if path in WITH_PRICES else [])


def test_a_reader_leaves_after_a_minute(served: Served) -> None:
    served.get("/markets/rates.json")
    for _ in range(2):
        served.quotes.count_audience(0, served.quotes.counted_audience())
    served.now_ms += READERS_STAY_MS - 1
    assert is_heard(served)
    served.now_ms += 1
    assert not is_heard(served)


def test_one_who_keeps_reading_keeps_listening(served: Served) -> None:
    for _ in range(20):
        served.get("/markets/rates.json")
        assert is_heard(served)
        served.now_ms += READERS_STAY_MS - JOIN_EVERY_MS


def test_a_running_ingest_is_not_started_again(served: Served) -> None:
    served.quotes.take_lease(NOW_MS + 10_000)
    served.get("/markets/rates.json")
    assert served.woken == []
    assert is_heard(served)


def test_of_many_readers_one_starts_the_ingest(served: Served) -> None:
    for _ in range(50):
        served.get("/markets/rates.json")
        served.documents._readers._joined_ms = 0  # each in a process of its own
    assert len(served.woken) == 1


def test_a_late_feed_is_looked_at_more_often(served: Served) -> None:
    """The ingest that was started may never come."""
    served.now_ms = NOW_MS + LIMITS.late_ms + 1
    for _ in range(30):
        assert served.problem("/markets/rates.json") == (503, "late")
        served.now_ms += 1_000
    assert 4 <= len(served.woken) <= 6


def test_a_reader_that_cannot_be_counted_gets_prices(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        client = served.quotes._table.meta.client
        raise client.exceptions.ProvisionedThroughputExceededException({"Error": {}}, "UpdateItem")

    monkeypatch.setattr(QuotesTable, "join_readers", refuse)
    assert served.get("/markets/rates.json").status == 200
    monkeypatch.undo()
    served.get("/markets/rates.json")
    assert is_heard(served)  # the next one counts
