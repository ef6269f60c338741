"""`docs/changing/an-interval.md` names every file of a new interval: `history` answers it."""

from tests.changing.copies import Copy, listed, with_line

HISTORY = """
from mypy_boto3_dynamodb.service_resource import Table

from shared.model.candles import KEPT_MS
from shared.model.values import Snapshot
from shared.pricing.candles import roll
from shared.protocol.messages_in import parse_message
from shared.requests.history import parse_history
from shared.store.candles_table import CandlesTable
from shared.store.codec import pack, unpack
from tests.samples import quote

QUARTER_MS = 900_000


def test_history_answers_the_new_interval(quotes_items: Table) -> None:
    at_ms = 4_000 * QUARTER_MS
    candles_table = CandlesTable(quotes_items)
    began, _ = roll({}, {"BTC_CAD": quote(seen_ms=at_ms)}, at_ms)
    stored = unpack(pack(Snapshot(candles=began))).candles
    assert stored["BTC_CAD"]["15m"].open_ms == at_ms
    _, closed = roll(stored, {}, at_ms + QUARTER_MS)
    candles_table.write(closed)
    asked = parse_history(parse_message('{"event":"history","symbol":"BTC_CAD","interval":"15m"}'))
    assert asked.interval == "15m"
    kept = candles_table.read("BTC_CAD", asked.interval, asked.limit, now_ms=at_ms + QUARTER_MS)
    assert [candle.open_ms for candle in kept] == [at_ms]
    assert not candles_table.read("BTC_CAD", "15m", 1, now_ms=at_ms + QUARTER_MS + KEPT_MS["15m"])
"""
CHECKED = (
    "tests/contract/test_drift.py",
    "tests/contract/test_both_clients.py",
    "tests/contract/test_openapi.py",
    "tests/pricing/test_candles.py",
    "tests/store/test_candles_table.py",
    "tests/requests/test_history.py",
    "tests/tools/test_one_place.py",
)


def change(copy: Copy) -> None:
    copy.edit(
        "shared/model/candles.py",
        ('"1m": 60_000, "1h"', '"1m": 60_000, "15m": 900_000, "1h"'),
        ('"1m": 2 * DAY_MS, "1h"', '"1m": 2 * DAY_MS, "15m": 14 * DAY_MS, "1h"'),
    )
    for contract in ("docs/asyncapi.yaml", "docs/openapi.yaml"):
        copy.edit(contract, ("enum: [1m, 1h, 1d]", "enum: [1m, 15m, 1h, 1d]"))
    copy.edit("README.md", ("Intervals are `1m`, `1h` and", "Intervals are `1m`, `15m`, `1h` and"))
    copy.edit(
        "docs/ARCHITECTURE.md", ("for 2 days, hours for 90", "for 2 days, quarters of an hour for 14, hours for 90")
    )
    copy.edit("clients/typescript/src/answers.ts", ('"1m" | "1h" | "1d"', '"1m" | "15m" | "1h" | "1d"'))
    copy.edit(
        "clients/python/cadfeed_client/answers.py", ('Literal["1m", "1h", "1d"]', 'Literal["1m", "15m", "1h", "1d"]')
    )
    copy.edit("web/src/chart/candles.ts", ('"1m": 60_000, "1h"', '"1m": 60_000, "15m": 900_000, "1h"'))
    hours = '  ["1h", t`1 hour`],\n'
    copy.edit("web/src/chart/look.ts", (hours, f'  ["15m", t`15 minutes`],\n{hours}'))
    hours = '  "1 hour": "1 heure",\n'
    copy.edit("web/words/fr-CA.json", (hours, f'  "15 minutes": "15 minutes",\n{hours}'))
    with_line(copy, "Candles of 15 minutes.")


def test_an_interval_touches_the_listed_files_and_is_answered(copy: Copy) -> None:
    change(copy)
    copy.tables()
    assert copy.changed() == listed("an-interval.md")
    copy.write("tests/store/test_probe.py", HISTORY)
    copy.assert_passes(*CHECKED, "tests/store/test_probe.py")
