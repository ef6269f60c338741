"""Items with candles sort by time within their series, and say which series it is."""

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from shared.store.candle_keys import LATEST_MS, key_of, keys_between, series_of

HOUR_MS = 3_600_000
NOW_MS = 1_718_704_800_000


def test_a_key_has_the_series_and_the_time_in_13_digits() -> None:
    assert key_of("CANDLE", "BTC_CAD", "1h", NOW_MS) == {"pk": "CANDLE#1h#BTC_CAD", "sk": "1718704800000"}
    assert key_of("PAST", "BTC_CAD", "1d", 7)["sk"] == "0000000000007"
    assert len(key_of("PAST", "BTC_CAD", "1d", LATEST_MS)["sk"]) == 13
    assert len(key_of("PAST", "BTC_CAD", "1d", LATEST_MS + 1)["sk"]) == 14


def test_a_series_is_read_from_one_time_to_another(quotes_items: Table) -> None:
    times = [0, HOUR_MS, NOW_MS, NOW_MS + HOUR_MS, LATEST_MS]
    for open_ms in times:
        quotes_items.put_item(Item=key_of("CANDLE", "BTC_CAD", "1h", open_ms))
    for other in (("PAST", "BTC_CAD", "1h"), ("CANDLE", "ETH_CAD", "1h"), ("CANDLE", "BTC_CAD", "1m")):
        quotes_items.put_item(Item=key_of(*other, NOW_MS))

    def found(from_ms: int, until_ms: int) -> list[int]:
        condition = keys_between("CANDLE", "BTC_CAD", "1h", from_ms, until_ms)
        return [int(str(item["sk"])) for item in quotes_items.query(KeyConditionExpression=condition)["Items"]]

    assert found(0, LATEST_MS) == times
    assert found(HOUR_MS, NOW_MS) == [HOUR_MS, NOW_MS]
    assert found(HOUR_MS + 1, NOW_MS - 1) == []


@pytest.mark.parametrize(
    ("pk", "series"),
    [
        ("CANDLE#1h#BTC_CAD", ("BTC_CAD", "1h")),
        ("CANDLE#1h#A#B", ("A#B", "1h")),
        ("CANDLE#1h", ("", "1h")),
        ("CANDLE", ("", "")),
        ("PAST#1h#BTC_CAD", None),
        ("SNAPSHOT", None),
    ],
)
def test_an_item_says_its_series(pk: str, series: tuple[str, str] | None) -> None:
    assert series_of("CANDLE", {"pk": pk, "sk": "1"}) == series
