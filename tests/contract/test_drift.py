"""The contract and the code have the same names, codes, limits and fields."""

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
from shared.model.candles import DAY_MS, INTERVAL_MS, KEPT_MS
from shared.model.channels import CHANNELS
from shared.model.pace import LONGEST_S
from shared.model.staleness import HEARTBEAT_MS
from shared.model.trends import HOURS
from shared.model.values import Quote
from shared.model.wire import dumps, loads
from shared.protocol import (
    ERRORS,
    EVENTS,
    MAX_FRAME_BYTES,
    MAX_ID_LENGTH,
    MAX_MESSAGE_BYTES,
    MAX_SYMBOLS,
    MAX_TRENDS_FRAME_BYTES,
    frames,
    parts,
    quote_fields,
    quotes,
    snapshots,
    trends,
    updates,
)
from shared.protocol import assets as asset_frames
from shared.publishing import periodic
from shared.requests import history
from shared.requests.history import DEFAULT_LIMIT
from shared.store.candle_keys import LATEST_MS
from shared.store.candles_table import MAX_READ
from tests.contract import frames as built_here
from tests.contract.frames import FULL, PLAIN, built
from tests.samples import prices
from tests.schemas import CONTRACT, Message, Misfit, check, contract, sent_by_clients, sent_by_server
from tools.local import relay

ROOT = Path(__file__).parents[2]
DEFAULTS: Mapping[str, int] = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
FEED_FRAMES = {name: message for name, message in sent_by_server().items() if name != "gatewayError"}
BUILDERS: list[ModuleType] = [asset_frames, frames, history, quotes, snapshots, trends, updates]
# The functions that others call with the content of a table or a snapshot.
INNER = {"data_frame", "history_frames"}


def schema_of(name: str) -> Mapping[str, Any]:
    return dict(contract()["components"]["schemas"][name])


# Names


def test_the_server_handles_exactly_the_contracts_requests() -> None:
    assert sorted(str(message.event) for message in sent_by_clients().values()) == sorted(EVENTS)


def test_the_contract_explains_exactly_the_error_codes_in_code() -> None:
    code = schema_of("ErrorCode")
    assert code["enum"] == list(ERRORS)
    assert re.findall(r"^\| `(\w+)` \|", code["description"], re.MULTILINE) == list(ERRORS)


@pytest.mark.parametrize("code", ERRORS)
def test_code_and_contract_agree_on_retryable_errors(code: str) -> None:
    waits = {"retry_in_ms": 1} if code == "rate_limited" else {}
    for retryable in (True, False):
        frame = {"event": "error", "code": code, "message": "no", "retryable": retryable, **waits}
        if retryable is ERRORS[code]:
            check(frame)
        else:
            with pytest.raises(Misfit):
                check(frame)


def raised_codes() -> Iterator[tuple[str, str]]:
    """Return every code that the source raises or builds."""
    for path in (ROOT / "shared").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                named = ast.unparse(node.func).split(".")[-1] in {"BadRequest", "error_frame"}
                if named and isinstance(node.args[0], ast.Constant):
                    yield path.name, str(node.args[0].value)


def test_every_code_in_the_server_is_one_of_the_contract() -> None:
    found = set(raised_codes())
    assert len({code for _, code in found}) >= len(ERRORS) - 1  # rate_limited has its own builder
    assert {code for _, code in found} <= set(schema_of("ErrorCode")["enum"]), found


def test_channels_intervals_and_symbols_are_those_of_the_code() -> None:
    assert schema_of("Channel")["enum"] == list(CHANNELS)
    assert schema_of("Interval")["enum"] == list(INTERVAL_MS)
    pattern = schema_of("Symbol")["pattern"]
    named = [*catalogue(), *(f"{asset.renamed_to}_CAD" for asset in catalogue().values() if asset.renamed_to)]
    assert all(re.search(pattern, symbol) for symbol in named)


# Limits


def test_the_contracts_limits_are_those_of_the_code() -> None:
    told = dict(contract()["info"]["x-limits"])
    gateway = {key: told.pop(key) for key in list(told) if key.startswith("gateway_")}
    assert told == {
        "message_bytes": MAX_MESSAGE_BYTES,
        "id_characters": MAX_ID_LENGTH,
        "symbols": MAX_SYMBOLS,
        "messages_per_minute": DEFAULTS["messages_per_minute"],
        "messages_burst": DEFAULTS["message_burst"],
        "messages_over": limits.CLOSED_AFTER,
        "history_candles": MAX_READ,
        "history_candles_default": DEFAULT_LIMIT,
        "every_seconds": LONGEST_S,
        "frame_bytes": MAX_FRAME_BYTES,
        "trends_frame_bytes": MAX_TRENDS_FRAME_BYTES,
        "silence_ms": HEARTBEAT_MS,
        "full_snapshot_ms": periodic.SNAPSHOT_MS,
        "closing_after_ms": periodic.NOTICE_S * 1000,
        "reconnect_in_ms": periodic.RECONNECT_WITHIN_MS,
    }
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
    assert gateway == {
        "gateway_frame_bytes": relay.MAX_FRAME_BYTES,
        "gateway_message_bytes": relay.MAX_MESSAGE_BYTES,
        "gateway_connection_ms": 2 * 3_600_000,
        "gateway_idle_ms": 10 * 60_000,
    }


def test_the_readme_tells_the_same_limit_of_messages() -> None:
    told = contract()["info"]["x-limits"]
    limit = f"may send {told['messages_burst']} plain messages at once and {told['messages_per_minute']} a minute"
    assert limit in (ROOT / "README.md").read_text(encoding="utf-8")


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
    assert schema_of("HistoryFrame")["properties"]["ticks"]["maxItems"] == told["history_candles"]
    assert schema_of("Trend")["minItems"] == schema_of("Trend")["maxItems"] == 1 + HOURS
    assert schema_of("ClosingFrame")["properties"]["reconnect_in_ms"]["maximum"] == told["reconnect_in_ms"]


def test_the_prose_names_the_same_limits() -> None:
    text = CONTRACT.read_text(encoding="utf-8")
    for words in (
        f"more than {MAX_MESSAGE_BYTES:,} bytes",
        f"more than {MAX_SYMBOLS} symbols",
        f"more than {DEFAULTS['messages_per_minute']} plain messages a minute",
        f"text of up to {MAX_ID_LENGTH} characters",
        f"from 1 to {MAX_READ}",
        f"Without it, or with null, {DEFAULT_LIMIT}.",
        f"longer than {MAX_FRAME_BYTES:,} bytes",
        f"longer than {HEARTBEAT_MS // 1000} s and one tick",
        f"{periodic.NOTICE_S // 60} minutes old",
        f"of minutes are kept for {KEPT_MS['1m'] // DAY_MS} days, of hours for {KEPT_MS['1h'] // DAY_MS} days",
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


def test_a_quote_has_the_schemas_fields_and_all_required_ones() -> None:
    schema = schema_of("Quote")
    assert quote_fields(FULL).keys() == schema["properties"].keys()
    assert quote_fields(PLAIN).keys() == set(schema["required"])


# Frames


@pytest.mark.parametrize("most_bytes", [MAX_FRAME_BYTES, 1_000])
def test_every_built_frame_fits_its_schema(monkeypatch: pytest.MonkeyPatch, most_bytes: int) -> None:
    monkeypatch.setattr(parts, "MAX_FRAME_BYTES", most_bytes)
    made = built()
    assert made.keys() == FEED_FRAMES.keys()
    for name, texts in made.items():
        assert texts
        for text in texts:
            FEED_FRAMES[name].check(loads(text))
            assert check(loads(text)) == name


@pytest.mark.parametrize("message", FEED_FRAMES.values(), ids=lambda message: message.name)
def test_the_server_sends_every_field_of_the_contract(monkeypatch: pytest.MonkeyPatch, message: Message) -> None:
    """A field is required in the contract exactly when every frame has it."""
    whole = [loads(text).keys() for text in built()[message.name]]
    monkeypatch.setattr(parts, "MAX_FRAME_BYTES", 1_000)
    every = [*whole, *(loads(text).keys() for text in built()[message.name])]
    assert set().union(*every) == message.schema["properties"].keys()
    assert set.intersection(*map(set, every)) == set(message.schema["required"])


def test_every_frame_builder_is_tested_here() -> None:
    builders = {
        name
        for module in BUILDERS
        for name, value in vars(module).items()
        if name.endswith(("_frame", "_frames", "Frames")) and value.__module__ == module.__name__
    }
    assert len(builders) > 10
    assert builders - INNER <= vars(built_here).keys()
