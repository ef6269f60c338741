"""The contract and the code cannot drift apart: names, codes, limits and fields are the same in both."""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model import message_limit as limits
from shared.model.assets import catalogue
from shared.model.candles import INTERVAL_MS
from shared.model.values import Quote
from shared.model.wire import dumps, loads
from shared.protocol import (
    CHANNELS,
    ERRORS,
    EVENTS,
    MAX_FRAME_BYTES,
    MAX_ID_LENGTH,
    MAX_MESSAGE_BYTES,
    MAX_SYMBOLS,
    frames,
    parts,
    quote_fields,
    quotes,
    snapshots,
    updates,
)
from shared.protocol import assets as asset_frames
from shared.publishing import periodic
from shared.requests import history
from shared.requests.history import DEFAULT_LIMIT
from shared.store.candles_table import LATEST_MS, MAX_READ
from tests.protocol import frames as built_here
from tests.protocol.frames import FULL, PLAIN, built
from tests.schemas import CONTRACT, Message, Misfit, check, contract, sent_by_clients, sent_by_server
from tests.unit.samples import prices

ROOT = Path(__file__).parents[2]
DEFAULTS: Mapping[str, int] = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
FEED_FRAMES = {name: message for name, message in sent_by_server().items() if name != "gatewayError"}
BUILDERS: list[ModuleType] = [asset_frames, frames, history, quotes, snapshots, updates]
# What others call, with what a table or a snapshot holds.
INNER = {"data_frame", "history_frames"}


def schema_of(name: str) -> Mapping[str, Any]:
    return dict(contract()["components"]["schemas"][name])


# Names


def test_the_server_handles_the_requests_that_the_contract_names_and_no_others() -> None:
    assert sorted(str(message.event) for message in sent_by_clients().values()) == sorted(EVENTS)


def test_the_error_codes_are_those_of_the_registry_and_each_is_explained() -> None:
    code = schema_of("ErrorCode")
    assert code["enum"] == list(ERRORS)
    assert re.findall(r"^\| `(\w+)` \|", code["description"], re.MULTILINE) == list(ERRORS)


@pytest.mark.parametrize("code", ERRORS)
def test_whether_an_error_is_retryable_is_the_same_in_both(code: str) -> None:
    waits = {"retry_in_ms": 1} if code == "rate_limited" else {}
    for retryable in (True, False):
        frame = {"event": "error", "code": code, "message": "no", "retryable": retryable, **waits}
        if retryable is ERRORS[code].retryable:
            check(frame)
        else:
            with pytest.raises(Misfit):
                check(frame)


def raised_codes() -> Iterator[tuple[str, str]]:
    """Every code that is written out where an error is raised or made."""
    for path in (ROOT / "shared").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                named = ast.unparse(node.func).split(".")[-1] in {"BadRequest", "error_frame"}
                if named and isinstance(node.args[0], ast.Constant):
                    yield path.name, str(node.args[0].value)


def test_every_code_in_the_server_is_one_of_the_contract() -> None:
    found = set(raised_codes())
    assert len({code for _, code in found}) >= len(ERRORS) - 1  # rate_limited has a builder of its own
    assert {code for _, code in found} <= set(schema_of("ErrorCode")["enum"]), found


def test_channels_intervals_and_symbols_are_those_of_the_code() -> None:
    assert schema_of("Channel")["enum"] == list(CHANNELS)
    assert schema_of("Interval")["enum"] == list(INTERVAL_MS)
    pattern = schema_of("Symbol")["pattern"]
    named = [*catalogue(), *(f"{asset.renamed_to}_CAD" for asset in catalogue().values() if asset.renamed_to)]
    assert all(re.search(pattern, symbol) for symbol in named)


# Limits


def test_the_limits_are_the_codes() -> None:
    told = dict(contract()["info"]["x-limits"])
    gateway = {key: told.pop(key) for key in list(told) if key.startswith("gateway_")}
    assert told == {
        "message_bytes": MAX_MESSAGE_BYTES,
        "id_characters": MAX_ID_LENGTH,
        "symbols": MAX_SYMBOLS,
        "messages_per_second": DEFAULTS["messages_per_second"],
        "messages_burst": DEFAULTS["message_burst"],
        "messages_over": limits.CLOSED_AFTER,
        "history_candles": MAX_READ,
        "history_candles_default": DEFAULT_LIMIT,
        "frame_bytes": MAX_FRAME_BYTES,
        "silence_ms": periodic.HEARTBEAT_MS,
        "full_snapshot_ms": periodic.SNAPSHOT_MS,
        "closing_after_ms": periodic.NOTICE_S * 1000,
        "reconnect_in_ms": periodic.RECONNECT_WITHIN_MS,
    }
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
    assert gateway == {
        "gateway_message_bytes": 32 * 1024,
        "gateway_connection_ms": 2 * 3_600_000,
        "gateway_idle_ms": 10 * 60_000,
    }


def test_the_schemas_hold_to_the_same_limits() -> None:
    told = contract()["info"]["x-limits"]
    for name in ("MessageId", "RequestId"):
        number, text, *_ = schema_of(name)["anyOf"]
        assert (number["minimum"], number["maximum"]) == (-(2**63), 2**63 - 1)
        assert text["maxLength"] == told["id_characters"]
    assert schema_of("WantedSymbols")["maxItems"] == schema_of("Rejected")["maxItems"] == told["symbols"]
    asked = schema_of("HistoryRequest")["properties"]
    assert (asked["limit"]["minimum"], asked["limit"]["maximum"]) == (1, told["history_candles"])
    assert (asked["before"]["minimum"], asked["before"]["maximum"]) == (0, LATEST_MS)
    assert schema_of("HistoryFrame")["properties"]["candles"]["maxItems"] == told["history_candles"]
    assert schema_of("ClosingFrame")["properties"]["reconnect_in_ms"]["maximum"] == told["reconnect_in_ms"]


def test_the_prose_names_the_same_limits() -> None:
    text = CONTRACT.read_text(encoding="utf-8")
    for words in (
        f"more than {MAX_MESSAGE_BYTES:,} bytes",
        f"more than {MAX_SYMBOLS} symbols",
        f"more than {DEFAULTS['messages_per_second']} messages a second",
        f"text of up to {MAX_ID_LENGTH} characters",
        f"from 1 to {MAX_READ}",
        f"Without it, or with null, {DEFAULT_LIMIT}.",
        f"longer than {MAX_FRAME_BYTES:,} bytes",
        f"longer than {periodic.HEARTBEAT_MS // 1000} s and one tick",
        f"{periodic.NOTICE_S // 60} minutes old",
    ):
        assert words in text


# Quotes

quotes_drawn = st.builds(
    Quote,
    symbol=st.sampled_from(list(catalogue())),
    bid=prices,
    ask=prices,
    spot=prices,
    change=st.one_of(prices, prices.map(lambda price: -price), st.just(Decimal(0))),
    change_pct=st.decimals(-100, 10**9, places=6),
    source=st.text(min_size=1),
    ts_ms=st.integers(0, LATEST_MS),
    seen_ms=st.integers(0, LATEST_MS),
    seq=st.integers(0, 2**53),
    stale=st.booleans(),
    simulated=st.booleans(),
)


@given(quotes_drawn)
def test_every_quote_fits_its_schema(quote: Quote) -> None:
    check({"channel": "rates", "event": "data", "data": loads(dumps(quote_fields(quote)))})


def test_a_quotes_fields_are_the_schemas_and_the_required_ones_are_always_there() -> None:
    schema = schema_of("Quote")
    assert quote_fields(FULL).keys() == schema["properties"].keys()
    assert quote_fields(PLAIN).keys() == set(schema["required"])


# Frames


@pytest.mark.parametrize("most_bytes", [MAX_FRAME_BYTES, 1_000])
def test_every_frame_that_is_built_fits_the_schema_of_its_message(
    monkeypatch: pytest.MonkeyPatch, most_bytes: int
) -> None:
    monkeypatch.setattr(parts, "MAX_FRAME_BYTES", most_bytes)
    made = built()
    assert made.keys() == FEED_FRAMES.keys()
    for name, texts in made.items():
        assert texts
        for text in texts:
            FEED_FRAMES[name].check(loads(text))
            assert check(loads(text)) == name


@pytest.mark.parametrize("message", FEED_FRAMES.values(), ids=lambda message: message.name)
def test_every_field_of_the_contract_is_built_and_what_it_requires_is_what_is_always_there(
    monkeypatch: pytest.MonkeyPatch, message: Message
) -> None:
    whole = [loads(text).keys() for text in built()[message.name]]
    monkeypatch.setattr(parts, "MAX_FRAME_BYTES", 1_000)
    every = [*whole, *(loads(text).keys() for text in built()[message.name])]
    assert set().union(*every) == message.schema["properties"].keys()
    assert set.intersection(*map(set, every)) == set(message.schema["required"])


def test_no_builder_of_frames_is_forgotten_here() -> None:
    builders = {
        name
        for module in BUILDERS
        for name, value in vars(module).items()
        if name.endswith(("_frame", "_frames", "Frames")) and value.__module__ == module.__name__
    }
    assert len(builders) > 10
    assert builders - INNER <= vars(built_here).keys()
