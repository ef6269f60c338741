"""The guide for authors of clients is right: its messages fit, its codes and limits exist, its snippets run."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from shared.model.assets import catalogue
from shared.model.wire import dumps, loads
from shared.protocol import ERRORS, EVENTS
from tests.schemas import Misfit, check, check_sent, contract, sent_by_clients, sent_by_server
from tools.local import relay

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "protocol.md"
TEXT = GUIDE.read_text(encoding="utf-8")
NODE = Path(sys.executable).with_name("node")
LIMITS = contract()["info"]["x-limits"]
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
# Names that are not a field, event, code or limit of the protocol.
OTHER_NAMES = {"cadfeed", "seen", "max_connections_per_client", "server_max_window_bits"} | {
    *("rates_seconds", "rates_change", "percent"),
}


def transcript() -> list[tuple[str, str]]:
    """Yield the messages of code blocks with their sender: `>` the client, `<` the server. Long ones are wrapped."""
    messages: list[tuple[str, str]] = []
    for language, block in BLOCKS:
        for line in block.splitlines() if not language else ():
            if line[:2] in ("> ", "< "):
                messages.append((line[0], line[2:]))
            elif messages and line.startswith("   "):
                messages[-1] = (messages[-1][0], messages[-1][1] + line.strip())
            else:
                assert not line, line
    return messages


def inline() -> list[str]:
    """Yield the messages within the text."""
    return [span for span in re.findall(r"`([^`\n]+)`", TEXT) if span.startswith("{")]


def names(schema: object) -> Iterator[str]:
    """Yield every field and every fixed value in a schema."""
    if isinstance(schema, dict):
        yield from (str(name) for name in schema.get("properties", {}))
        yield from (str(name) for name in schema.get("enum", [schema.get("const", "")]))
        for inner in schema.values():
            yield from names(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from names(inner)


def rows(heading: str) -> list[list[str]]:
    """Return the rows of the first table below a heading."""
    table = TEXT.partition(f"\n## {heading}\n")[2].partition("|---|")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in row.strip("| ").split(" | ")] for row in table.splitlines()[1:]]


def test_every_transcript_message_fits_the_contract() -> None:
    """The exception is a message that is answered with an error."""
    wrong = 0
    for (sender, text), (_, following) in pairwise([*transcript(), ("<", "{}")]):
        if sender == "<":
            check(loads(text))
        elif loads(following).get("event") != "error":
            check_sent(loads(text))
        else:
            wrong += 1
            with pytest.raises(Misfit):
                check_sent(loads(text))
    assert wrong == 1


@pytest.mark.parametrize("text", [text for sender, text in transcript() if sender == "<"])
def test_a_frame_is_shown_as_it_came_with_all_its_digits(text: str) -> None:
    assert dumps(loads(text)) == text


def test_the_transcripts_show_every_request_and_every_frame() -> None:
    sent = [loads(text)["event"] for sender, text in transcript() if sender == ">"]
    heard = [loads(text).get("event") for sender, text in transcript() if sender == "<"]
    assert set(sent) == {*EVENTS, "buy"}
    assert set(heard) == {message.event for message in sent_by_server().values()}


@pytest.mark.parametrize("text", inline())
def test_every_message_within_the_text_fits_the_contract(text: str) -> None:
    try:
        check_sent(loads(text))
    except Misfit:
        check(loads(text))


def test_every_name_in_the_guide_is_one_of_the_protocol() -> None:
    known = OTHER_NAMES | set(LIMITS) | set(ERRORS) | set(EVENTS)
    for message in (*sent_by_clients().values(), *sent_by_server().values()):
        known |= set(names(message.schema))
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)*)`", TEXT))
    assert len(named) > 40
    assert named <= known, named - known


def test_the_table_of_errors_has_every_code_and_retryability() -> None:
    table = rows("Errors")
    assert [row[0].strip("`") for row in table] == list(ERRORS)
    assert [row[2].startswith("`retryable`") for row in table] == list(ERRORS.values())


def test_the_contract_explains_the_errors_as_the_guide_does() -> None:
    explained = contract()["components"]["schemas"]["ErrorCode"]["description"].partition("|---|")[2]
    assert [line.strip("| ").split(" | ") for line in explained.splitlines()[1:]] == rows("Errors")


def test_the_guide_has_every_close_code_of_the_local_stack() -> None:
    told = [int(row[0]) for row in rows("Close codes")]
    assert told == sorted(set(told))
    sent = {relay.GOING_AWAY, relay.FEED_IS_GONE, relay.TEXT_ONLY, relay.TOO_LONG, relay.CUT}
    assert {end.code for end in sent} <= set(told)


def test_the_table_of_limits_has_every_limit_with_its_value() -> None:
    told = {row[0].strip("`"): int(row[1].split()[0].strip(",").replace(",", "")) for row in rows("Limits")}
    assert told == LIMITS


def test_the_table_of_renamed_assets_is_the_catalogues() -> None:
    """An asset's new name is not a symbol of the feed."""
    table = re.findall(r"^  \| `(\w+)` \| `(\w+)` \|$", TEXT, re.MULTILINE)
    assert dict(table) == {
        asset.symbol: f"{asset.renamed_to}_CAD" for asset in catalogue().values() if asset.renamed_to
    }
    assert not {new for _, new in table} & catalogue().keys()


def test_the_links_lead_to_files() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", TEXT) if "://" not in link]
    sections = {f"#{each.lower().replace(' ', '-')}" for each in re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)}
    assert links
    assert not [link for link in links if not (GUIDE.parent / link).exists() and link not in sections]


def run_js(text: str) -> dict[str, Any]:
    """Return what the guide's JavaScript reads from a frame."""
    (snippet,) = [block for language, block in BLOCKS if language == "js"]
    program = f"{snippet}\nconsole.log(JSON.stringify(parse(process.argv[1])));"
    done = subprocess.run([NODE, "-e", program, text], check=True, capture_output=True, text=True, timeout=30)
    return dict(json.loads(done.stdout))


def test_the_javascript_keeps_every_digit() -> None:
    digits = "88123.45678901234567890123"
    (example,) = sent_by_server()["data"].examples
    frame = {**example, "data": {**example["data"], "spot": Decimal(digits), "change": 0}}
    assert run_js(dumps(frame)) == {
        **frame,
        "data": {
            **frame["data"],
            "bid": "0.000012425126",
            "ask": "0.0000124500",
            "spot": digits,
            "change": "0",
            "change_pct": "-0.214133",
        },
    }
    candle = [1718707620000, Decimal(digits), 1, 2, Decimal("0.5")]
    (example,) = sent_by_server()["history"].examples
    read = run_js(dumps({**example, "candles": [candle], "in_progress": candle}))
    assert read["candles"] == [[1718707620000, digits, "1", "2", "0.500000"]]
    (example,) = sent_by_server()["subscribed"].examples
    assert run_js(dumps({**example, "symbols": ["BTC_CAD", "ETH_CAD"]}))["symbols"] == ["BTC_CAD", "ETH_CAD"]
