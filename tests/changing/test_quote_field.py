"""`docs/changing/a-quote-field.md` names every file of a new field: it is in the frame and in both clients."""

import pytest

from tests.changing.copies import CONTRACTS, Copy, listed, with_line

FRAME = """
import json
from dataclasses import replace
from decimal import Decimal
from cadfeed_client.quote import quote_of
from shared.model.delta import Delta
from shared.model.values import Snapshot
from shared.protocol import UpdateFrames
from tests.samples import after, quote
from tests.samples import NOW_MS

first = after(Snapshot(), {"BTC_CAD": quote(traded_24h=Decimal("12.5"))})
second = after(first, {"BTC_CAD": quote(traded_24h=Decimal("12.75"))}, NOW_MS + 5000)
third = after(second, {"BTC_CAD": quote("BTC_CAD", "86000", traded_24h=Decimal("13"))}, NOW_MS + 10000)
ticks = [UpdateFrames(Delta(Snapshot(), first)), UpdateFrames(Delta(first, second)), UpdateFrames(Delta(second, third))]
frames = [[frame.decode() for frame in tick.of("rates_batch", ("BTC_CAD",))] for tick in ticks]
data = json.loads(frames[0][0], parse_float=Decimal)["data"][0]
print(json.dumps({"frames": frames, "python": str(quote_of(data, NOW_MS).traded_24h)}))
"""
STORED = """
import json
from decimal import Decimal
from shared.model.values import Snapshot
from shared.store.codec import pack, unpack
from tests.samples import quote
kept = unpack(pack(Snapshot(quotes={"BTC_CAD": quote(traded_24h=Decimal(12))}))).quotes["BTC_CAD"].traded_24h
print(json.dumps([type(kept).__name__, kept == 12]))
"""
PRICED = """
import json
from tools.cost.frames import STARTED_MS, MarketFeed
from shared.model.staleness import ages
from shared.model.values import Snapshot
from shared.pricing.next_snapshot import next_snapshot
made = next_snapshot(Snapshot(), MarketFeed().poll(STARTED_MS), STARTED_MS, ages(5, 30))
print(json.dumps(sum(quote.traded_24h > 0 for quote in made.quotes.values())))
"""
TYPESCRIPT = """
import { parseMessage } from "./clients/typescript/src/messages.ts";
console.log(parseMessage(process.argv[1]).data[0].traded_24h);
"""
CHECKED = (
    *CONTRACTS,
    "tests/store/test_codec.py",
    "tests/client/test_vectors.py",
)


def change(copy: Copy) -> None:
    copy.edit(
        "shared/model/values.py",
        (
            "    sources: Annotated[int, NOT_NEWS] = 1\n",
            "    sources: Annotated[int, NOT_NEWS] = 1\n    traded_24h: Annotated[Decimal, NOT_NEWS] = Decimal(0)\n",
        ),
    )
    copy.edit(
        "shared/pricing/quotes.py",
        (
            "        sources=decision.sources,\n",
            "        sources=decision.sources,\n        traded_24h=ticker.activity_24h or Decimal(0),\n",
        ),
    )
    copy.edit(
        "shared/protocol/quotes.py",
        (
            '    if quote.stale:\n        fields["stale"] = True\n',
            (
                '    if quote.traded_24h:\n        fields["traded_24h"] = quote.traded_24h\n'
                '    if quote.stale:\n        fields["stale"] = True\n'
            ),
        ),
    )
    copy.edit(
        "shared/protocol/compact.py",
        ('"seq", "change_pct")', '"seq", "change_pct", "traded_24h")'),
        (
            "        (quote.change_pct, percent),\n",
            "        (quote.change_pct, percent),\n        (quote.traded_24h, Decimal(0)),\n",
        ),
    )
    copy.edit(
        "docs/asyncapi.yaml",
        ("        - {const: change_pct}\n", "        - {const: change_pct}\n        - {const: traded_24h}\n"),
        (
            "number\n      additionalItems: false\n      examples:\n        - [0,",
            "number\n        - type: number\n      additionalItems: false\n      examples:\n        - [0,",
        ),
        (
            "        stale:\n          description: True if no source has confirmed",
            (
                "        traded_24h:\n          description: What was traded in 24 h.\n          type: number\n"
                "        stale:\n          description: True if no source has confirmed"
            ),
        ),
    )
    copy.edit(
        "docs/openapi.yaml",
        (
            "        renamed_to:\n          description: The symbol",
            (
                "        traded_24h:\n          description: What was traded in 24 h.\n          type: number\n"
                "        renamed_to:\n          description: The symbol"
            ),
        ),
        ("renamed_to,stale,simulated", "renamed_to,stale,simulated,traded_24h"),
    )
    copy.edit("shared/documents/quotes.py", ('("renamed_to", *MARKS),', '("renamed_to", *MARKS, "traded_24h"),'))
    copy.edit(
        "docs/protocol.md",
        (
            "- `simulated`: the price is not",
            "- `traded_24h`: what was traded in 24 h.\n- `simulated`: the price is not",
        ),
        ('"change_pct", ...CELLS', '"change_pct", "traded_24h", ...CELLS'),
    )
    copy.edit(
        "clients/python/cadfeed_client/quote.py",
        ("    sources: int = 1\n", "    sources: int = 1\n    traded_24h: Decimal = Decimal(0)\n"),
        (
            '        integer(data.get("sources", 1), "sources"),\n',
            '        integer(data.get("sources", 1), "sources"),\n        price_of(data.get("traded_24h", 0)),\n',
        ),
    )
    copy.edit(
        "clients/python/cadfeed_client/compact.py",
        (
            '            "stale": bool(flags & STALE),\n',
            '            "traded_24h": cell.get("traded_24h", 0),\n            "stale": bool(flags & STALE),\n',
        ),
    )
    copy.edit(
        "clients/typescript/src/compact.ts",
        ("    source: sources[index],\n", '    source: sources[index],\n    traded_24h: cell("traded_24h") ?? "0",\n'),
    )
    copy.edit(
        "clients/typescript/src/exact.ts",
        ('"spot", "change", "change_pct"]', '"spot", "change", "change_pct", "traded_24h"]'),
    )
    copy.edit(
        "clients/typescript/src/quote.ts",
        (
            "  readonly sources: number;\n",
            "  readonly sources: number;\n  /** What was traded in 24 h. */\n  readonly traded_24h?: string;\n",
        ),
        ("const { sources = 1,", 'const { traded_24h: traded = "0", sources = 1,'),
        ("[bid, ask, spot, change, changePct].every", "[bid, ask, spot, change, changePct, traded].every"),
    )
    with_line(copy, "`traded_24h` in each quote.")


def test_a_field_touches_the_listed_files_and_reaches_clients(copy: Copy) -> None:
    change(copy)
    copy.tables()
    assert copy.changed() == listed("a-quote-field.md")
    frames, python = copy.ask(FRAME).values()
    first, second, third = frames
    assert '"traded_24h":12.5000' in first[0]
    assert python == "12.5000"
    assert not second, "a volume that changes by itself sends the quote in each tick"
    assert '"traded_24h":13.0000' in third[0]
    assert copy.node(TYPESCRIPT, first[0]) == "12.5000"
    assert copy.ask(STORED) == ["Decimal", True]
    assert copy.ask(PRICED) > 60
    copy.assert_passes(*CHECKED)


@pytest.mark.parametrize(
    ("path", "noticed_by"),
    [
        ("shared/protocol/quotes.py", "test_a_quote_has_the_schemas_fields_and_all_required_ones"),
        ("shared/protocol/compact.py", "test_a_row_has_every_field_of_a_quote"),
        ("clients/python/cadfeed_client/compact.py", "test_a_row_has_every_field_of_a_quote"),
        ("clients/typescript/src/compact.ts", "test_a_row_has_every_field_in_typescript_too"),
        ("docs/asyncapi.yaml", "test_a_quote_has_the_schemas_fields_and_all_required_ones"),
        ("docs/protocol.md", "test_the_guide_explains_the_optional_fields_of_a_quote"),
        ("clients/python/cadfeed_client/quote.py", "test_the_python_client_has_every_field_of_a_quote"),
        ("clients/typescript/src/exact.ts", "test_the_exact_numbers_of_a_quote_keep_their_digits"),
        ("clients/typescript/src/quote.ts", "test_the_typescript_client_has_every_field_of_a_quote"),
    ],
)
def test_a_place_of_a_field_that_is_left_out_is_noticed(copy: Copy, path: str, noticed_by: str) -> None:
    change(copy)
    copy.undo(path)
    files = ("tests/contract/test_drift.py", "tests/contract/test_both_clients.py", "tests/client/test_compact.py")
    its_own = [file for file in files if f"def {noticed_by}(" in (copy.root / file).read_text(encoding="utf-8")]
    assert copy.failing(*its_own, "-k", noticed_by) == {noticed_by}


@pytest.mark.parametrize(
    ("path", "noticed_by"),
    [
        ("docs/openapi.yaml", "test_what_both_contracts_describe_is_described_alike"),
        ("shared/documents/quotes.py", "test_csv_has_the_columns_that_are_described"),
    ],
)
def test_a_field_that_documents_lack_is_noticed(copy: Copy, path: str, noticed_by: str) -> None:
    change(copy)
    copy.undo(path)
    assert noticed_by in copy.failing("tests/contract/test_openapi.py", "-k", "alike or columns")


def test_a_field_without_a_default_is_noticed(copy: Copy) -> None:
    change(copy)
    copy.edit(
        "shared/model/values.py",
        ("    traded_24h: Annotated[Decimal, NOT_NEWS] = Decimal(0)\n", ""),
        ("    source: str\n    ts_ms: Annotated", "    source: str\n    traded_24h: Decimal\n    ts_ms: Annotated"),
    )
    copy.edit(
        "tests/samples.py",
        ("        ts_ms=NOW_MS,\n        seen_ms", "        traded_24h=price,\n        ts_ms=NOW_MS,\n        seen_ms"),
    )
    failed = copy.failing("tests/store/test_codec.py", "-k", "stored_before")
    assert failed == {"test_quotes_stored_before_a_field_was_added_are_read"}
