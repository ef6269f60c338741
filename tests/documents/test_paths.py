"""Each path names one document, and no other path names any."""

import pytest

from shared.documents.paths import CSV, JSON, Kind, Wanted, wanted

DOCUMENTS = [
    *("/markets/rates.json", "/markets/rates.csv", "/markets/rates/BTC_CAD.json", "/markets/assets.json"),
    *("/markets/history/BTC_CAD/1h.json", "/markets/history/BTC_CAD/1h.csv", "/markets/status.json", "/api/coins/"),
]


@pytest.mark.parametrize("path", DOCUMENTS)
def test_a_document_is_found_by_its_path(path: str) -> None:
    assert wanted(path)


def test_a_path_says_what_is_wanted() -> None:
    assert wanted("/markets/rates.csv") == Wanted(Kind.QUOTES, CSV)
    assert wanted("/markets/rates/XYZ.json") == Wanted(Kind.QUOTE, JSON, "XYZ")
    assert wanted("/markets/history/BTC_CAD/1h.csv") == Wanted(Kind.HISTORY, CSV, "BTC_CAD", "1h")


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "/markets", "/markets/", "/markets/rates", "/markets/rates.xml", "/markets/rates.json/"),
        *("//markets/rates.json", "/MARKETS/rates.json", "/markets/rates/BTC_CAD.csv", "/markets/rates/.json"),
        *("/markets/rates/a/b.json", "/markets/history/BTC_CAD/1h", "/markets/history/BTC_CAD.json", "/api/coins/1"),
        *("/markets/rates.json\n", "/markets/rates/BTC_CAD.json\n", "/live/markets/rates.json"),
    ],
)
def test_no_other_path_is_a_document(path: str) -> None:
    assert wanted(path) is None
