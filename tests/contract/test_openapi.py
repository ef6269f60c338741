"""docs/openapi.yaml says what the code does: no more and no less."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from shared.documents import candles, documents, quotes
from shared.documents.paths import CSV, FIXED, Kind, wanted
from shared.documents.problems import PROBLEMS
from shared.documents.queries import PARAMETERS
from shared.model.candles import INTERVAL_MS, Candle
from shared.model.values import Snapshot, SourceState
from shared.protocol import MAX_SYMBOLS
from shared.requests.history import DEFAULT_LIMIT
from shared.store.candle_keys import LATEST_MS
from shared.store.candles_table import MAX_READ
from tests.contract.frames import NEW
from tests.contract.test_contract import objects
from tests.documents.conftest import Served, empty, served  # noqa: F401 - fixtures
from tests.openapi import Undescribed, check_answer, openapi, template_of
from tests.samples import LIMITS, NOW_MS
from tests.schemas import contract

PATHS = openapi()["paths"]
SCHEMAS = openapi()["components"]["schemas"]
SAME = ("Symbol", "Price", "UnixMs", "Ticks", "Interval", "Quote", "Asset")
EVERY_PATH = [
    *(*FIXED, "/markets/rates/BTC_CAD.json"),
    *("/markets/history/BTC_CAD/1m.json", "/markets/history/BTC_CAD/1m.csv"),
]
SEVEN = Decimal(7)
# A snapshot that has everything, and is live now.
WHOLE = replace(
    NEW,
    sources={**NEW.sources, "ndax": SourceState(0, "HTTP 500")},
    candles={"BTC_CAD": {"1m": Candle(NOW_MS - NOW_MS % 60_000, SEVEN, SEVEN, SEVEN, SEVEN, ticks=None)}},
)


def test_every_path_of_the_code_is_described_and_no_other() -> None:
    described = {template_of(path) for path in EVERY_PATH if path != "/api/coins"}
    assert described == set(PATHS)
    for template in PATHS:
        assert wanted(template.replace("{symbol}", "BTC_CAD").replace("{interval}", "1h")), template
    with pytest.raises(Undescribed):
        template_of("/api/coins")  # the description of the other spelling names it
    assert "without its last `/`" in PATHS["/api/coins/"]["get"]["description"]
    assert {wanted(path).kind for path in EVERY_PATH} == set(Kind)  # type: ignore[union-attr]


def parameters() -> Iterator[Mapping[str, Any]]:
    for path in PATHS.values():
        yield from path["get"].get("parameters", ())


def test_parameters_have_the_limits_of_the_code() -> None:
    asked = {each["name"]: each["schema"] for each in parameters() if each["in"] == "query"}
    assert asked.keys() == set(PARAMETERS)
    assert asked["symbols"]["maxItems"] == MAX_SYMBOLS
    limit, before = asked["limit"], asked["before"]
    assert (limit["minimum"], limit["maximum"], limit["default"]) == (1, MAX_READ, DEFAULT_LIMIT)
    assert (before["minimum"], before["maximum"]) == (0, LATEST_MS)
    assert SCHEMAS["Interval"]["enum"] == list(INTERVAL_MS)


def test_each_document_takes_the_parameters_that_it_names() -> None:
    named = {
        path: {each["name"] for each in item["get"].get("parameters", ()) if each["in"] == "query"}
        for path, item in PATHS.items()
    }
    assert {path for path, names in named.items() if names == {"symbols"}} == {
        f"/markets/rates.{f}" for f in ("json", CSV)
    }
    assert {path for path, names in named.items() if names == {"limit", "before"}} == {
        path for path in PATHS if path.startswith("/markets/history/")
    }


def test_problems_have_the_codes_and_statuses_of_the_code() -> None:
    code = SCHEMAS["ProblemCode"]
    assert code["enum"] == list(PROBLEMS)
    assert re.findall(r"^\| `(\w+)` \|", code["description"], re.MULTILINE) == list(PROBLEMS)
    assert SCHEMAS["Problem"]["properties"]["status"]["enum"] == sorted({int(status) for status in PROBLEMS.values()})


def test_csv_has_the_columns_that_are_described() -> None:
    assert SCHEMAS["QuotesCsv"]["pattern"] == f"^{','.join(quotes.COLUMNS)}\\r\\n"
    assert SCHEMAS["CandlesCsv"]["pattern"] == f"^{','.join((*candles.COLUMNS, candles.TICKS))}\\r\\n"
    assert set(quotes.COLUMNS) == set(SCHEMAS["Quote"]["properties"])


@pytest.mark.parametrize("name", SAME)
def test_what_both_contracts_describe_is_described_alike(name: str) -> None:
    assert SCHEMAS[name] == contract()["components"]["schemas"][name]


def test_a_document_has_the_fields_of_its_frame() -> None:
    """The envelope of a message is not part of a document."""
    envelope = {"channel", "event", "id", "part", "parts"}
    for name, frame in (("Rates", "SnapshotFrame"), ("History", "HistoryFrame"), ("Assets", "AssetsFrame")):
        of_frame = contract()["components"]["schemas"][frame]["properties"].keys()
        assert SCHEMAS[name]["properties"].keys() == of_frame - envelope


def test_unknown_fields_are_forbidden_but_in_problems() -> None:
    for name, schema in SCHEMAS.items():
        for path, each in objects(schema, name):
            if (
                not name.endswith(("Problem", "LateStatus", "SourceStatus"))
                and "/sources" not in path
                and "/status" not in path
            ):
                assert each["additionalProperties"] is False, path
                assert set(each["required"]) <= set(each["properties"]), path


@pytest.mark.parametrize("path", EVERY_PATH)
def test_every_answer_is_described(served: Served, path: str) -> None:  # noqa: F811 - a fixture
    path = path if path != "/api/coins" else "/api/coins/"
    check_answer(path, served.get(path))
    check_answer(path, served.get(path, if_none_match="*"))
    served.quotes._table.delete_item(Key={"pk": "SNAPSHOT", "sk": "CURRENT"})
    served.store(WHOLE)
    served.quotes.join_audience(NOW_MS)
    whole = served.get(path)
    assert whole.status == 200
    check_answer(path, whole)
    served.now_ms = NOW_MS + LIMITS.late_ms + 1
    check_answer(path, served.get(path))
    served.quotes._table.delete()
    check_answer(path, served.get(path))


def test_every_status_that_is_described_is_answered(served: Served) -> None:  # noqa: F811 - a fixture
    asked = {
        "400": ("?symbols=BTC_CAD&symbols=ETH_CAD", "?symbols=XYZ", "?limit=0", "?before=x"),
        "404": ("XYZ_CAD",),
    }
    for template, item in PATHS.items():
        path = template.replace("{symbol}", "BTC_CAD").replace("{interval}", "1h")
        wrong = template.replace("{symbol}", *asked["404"]).replace("{interval}", "1h")
        told = {str(int(served.get(path + query).status)) for query in ("", *asked["400"])}
        told |= {str(int(served.get(wrong).status)), str(int(served.get(path, "POST").status))}
        told |= {str(int(served.get(path, if_none_match="*").status)), "503"}
        assert told == set(item["get"]["responses"]), path


def test_a_wrong_answer_is_noticed(served: Served) -> None:  # noqa: F811 - a fixture
    answer = served.get("/markets/rates/BTC_CAD.json")
    for body in (b"{}", b"[]", answer.body.replace(b'"spot":', b'"spot":-'), answer.body.replace(b"{", b'{"x":1,', 1)):
        with pytest.raises(Undescribed):
            check_answer("/markets/rates/BTC_CAD.json", replace(answer, body=body))
    with pytest.raises(Undescribed):
        check_answer("/markets/rates.json", replace(answer, headers={"Content-Type": "text/html"}))


def test_the_status_of_an_empty_feed_is_described(empty: Served) -> None:  # noqa: F811 - a fixture
    check_answer("/markets/status.json", empty.get("/markets/status.json"))
    empty.store(Snapshot(seq=1, ts_ms=NOW_MS))
    check_answer("/markets/status.json", empty.get("/markets/status.json"))


def test_media_types_are_described() -> None:
    told = {name for item in PATHS.values() for name in item["get"]["responses"]["200"]["content"]}
    assert told == {text.partition(";")[0] for text in documents.MEDIA_TYPES.values()}
