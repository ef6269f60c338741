"""Each fact stands in one place: a second place fails here, with the place where the fact is."""

import ast
import json
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from shared.model.assets import catalogue, price_sources
from shared.model.candles import INTERVAL_MS, KEPT_MS
from shared.model.channels import RATES, RATES_BATCH
from shared.model.staleness import HEARTBEAT_MS
from shared.protocol import limits
from shared.protocol.errors import NO_SUCH_SYMBOL
from shared.sources.all_sources import SOURCES
from shared.sources.settings import source_settings
from shared.store.candles_table import MAX_READ
from tools.simulator.binance import WeightMeter
from tools.simulator.cross_markets import TRAITS
from tools.simulator.endpoints import ERROR_BODIES, Endpoints
from tools.simulator.faults import UPSTREAMS
from tools.simulator.request_limit import RequestLimit
from tools.simulator.simulated import SimulatedMarket

ROOT = Path(__file__).parents[2]
NAMES = tuple(make().name for make in SOURCES)
CODE = ("shared", "functions", "infra", "tools")
# A source may hold an answer for half a minute; that is another fact.
OF_THE_FEED = (
    *(f"shared/{room}" for room in ("model", "pricing", "protocol", "publishing", "requests", "store", "gateway")),
    "functions",
)
# Times of the feed that may be as long as its heartbeat, and are other facts.
OTHER_TIMES = {
    *(
        "ANSWER_DEADLINE_S",
        "BACK_OFF_S",
        "BELIEVED_AFTER_MS",
        "CLOCK_SKEW_MS",
        "COUNTED_WITHIN_MS",
        "FRESH_MS",
        "HOUR_MS",
        "INTERVAL_MS",
    ),
    *(
        "KEPT_S",
        "LIVE_MS",
        "LONGEST_BATCH_S",
        "MAX_IDLE_S",
        "MINUTE_MS",
        "READERS_STAY_MS",
        "RUN_MS",
        "SHORTEST_LEASE_MS",
        "SILENCE_MS",
    ),
    *("SILENT_AFTER_MS", "SLOW_MS", "SNAPSHOT_MS", "STOPPED_BEFORE_TIMEOUT_S"),
}
# "rates" where it is a field of a source's answer or of a stored item, not the channel.
OTHER_RATES = {
    "shared/sources/er_api.py",
    "shared/store/codec.py",
    "shared/store/explanations_codec.py",
    "tools/simulator/rates.py",
}
PRICE_FIELDS = {"bid", "ask", "spot"}
# The number of assets, where it is the number of something else.
OTHER_NUMBERS = {
    "tests/e2e/failover.py": "the seconds until a frozen clock is noticed",
    "tests/functions/ingest/ingests.py": "the seconds that an ingest runs",
    "tests/pricing/test_fx.py": "seconds",
    "tools/cost/prices.py": "terabytes of a plan of CloudFront",
    "tests/tools/watch/test_table.py": "rows of a table that need not be the catalogue's",
}
MADE = {"node_modules", "dist", "cdk.out", "build"}
COUNTED = "assets|symbols|quotes|coins|cryptocurrencies|currencies|rows|frames"
GENERATED = re.compile(r"<!-- (\w+): made by .*?<!-- /\1 -->", re.DOTALL)
CATALOGUE_TEST = "tests/model/test_assets.py"


def files(*folders: str, endings: tuple[str, ...] = (".py",)) -> Iterator[Path]:
    """Yield the files of the repository in these folders, none of an installed package."""
    for folder in folders:
        for inside, inner, names in os.walk(ROOT / folder):
            inner[:] = sorted(name for name in inner if name not in MADE and not name.startswith("."))
            yield from (Path(inside) / name for name in sorted(names) if name.endswith(endings))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def nodes(tree: ast.AST) -> tuple[ast.AST, ...]:
    """Return all nodes of a module. Many facts are looked for, so each file is walked through once."""
    return tuple(ast.walk(tree))


@cache
def constants(tree: ast.AST) -> tuple[ast.Constant, ...]:
    """Return the constants of a module, those in f-strings among them, but no docstring."""
    docs = {
        node.body[0].value
        for node in nodes(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return tuple(node for node in nodes(tree) if isinstance(node, ast.Constant) and node not in docs)


def places(wanted: "re.Pattern[str] | int", *folders: str) -> dict[str, list[int]]:
    """Return the files that have such a text or number among their constants, with the lines."""
    found: dict[str, list[int]] = {}
    for path in files(*folders):
        for node in constants(parsed(path)):
            if isinstance(wanted, int):
                is_there = type(node.value) is int and node.value == wanted
            else:
                is_there = isinstance(node.value, str) and bool(wanted.search(node.value))
            if is_there:
                found.setdefault(path.relative_to(ROOT).as_posix(), []).append(node.lineno)
    return found


def number(node: ast.AST) -> float | None:
    """Return what a number, or a product or quotient of numbers, is worth."""
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return value
        case ast.BinOp(left=left, op=ast.Mult() | ast.Div() | ast.FloorDiv() as operator, right=right):
            one, other = number(left), number(right)
            if one is None or other is None:
                return None
            if isinstance(operator, ast.Mult):
                return one * other
            return one / other if other else None
    return None


def assigned(tree: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names that are assigned, and the values."""
    for node in nodes(tree):
        match node:
            case ast.Assign(targets=targets, value=value):
                yield from ((target.id, value) for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, value


def heartbeats(tree: ast.AST, heartbeat_ms: int) -> list[int]:
    """Return the lines on which a module types the time of a heartbeat: in ms, or under its name in any unit."""
    others = {id(node) for name, value in assigned(tree) if name in OTHER_TIMES for node in nodes(value)}
    named = [value.lineno for name, value in assigned(tree) if "HEARTBEAT" in name.upper() and number(value)]
    typed = [node for node in nodes(tree) if number(node) == heartbeat_ms and id(node) not in others]
    return sorted({*named, *(node.lineno for node in typed if isinstance(node, ast.expr))})


def price_comparisons(tree: ast.AST) -> list[int]:
    """Return the lines that compare the prices of two quotes field by field, as a tuple or one after the other."""
    found = []
    for node in nodes(tree):
        match node:
            case ast.Compare(
                left=ast.Tuple() as left, ops=[ast.Eq() | ast.NotEq()], comparators=[ast.Tuple() as right]
            ):
                if all(len(PRICE_FIELDS & fields(side.elts)) > 1 for side in (left, right)):
                    found.append(node.lineno)
            case ast.BoolOp(values=values):
                compared = [value.left for value in values if isinstance(value, ast.Compare) and same_field(value)]
                if len(PRICE_FIELDS & fields(compared)) > 1:
                    found.append(node.lineno)
            case ast.Call(func=ast.Name(id="attrgetter") | ast.Attribute(attr="attrgetter"), args=arguments):
                if len(PRICE_FIELDS & {each.value for each in arguments if isinstance(each, ast.Constant)}) > 1:
                    found.append(node.lineno)
    return found


def fields(nodes: list[ast.expr]) -> set[str]:
    return {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def same_field(compared: ast.Compare) -> bool:
    match compared:
        case ast.Compare(
            left=ast.Attribute(attr=one), ops=[ast.Eq() | ast.NotEq()], comparators=[ast.Attribute(attr=other)]
        ):
            return one == other
    return False


def word(text: str) -> "re.Pattern[str]":
    return re.compile(rf"(?<![\w.]){re.escape(text)}(?!\w)")


# The scan


def test_a_scan_finds_numbers_and_texts_but_no_docstrings() -> None:
    module = ast.parse('"""rates_batch"""\nA = 30_000\nB = f"at most {A} of rates_batch"\nC = (True, 30_000.0)\n')
    assert [node.value for node in constants(module)] == [30_000, "at most ", " of rates_batch", True, 30_000.0]
    assert word("rates_batch").search("x rates_batch.")
    assert not word("rates").search("rates_batch")


def test_a_scan_finds_a_heartbeat_however_it_is_typed() -> None:
    typed = ["A = 30_000", "A = 30_000.0", "A = 30 * 1000", "HEARTBEAT_S = 30", "def f(a=30_000): ...", "f(30_000)"]
    assert [heartbeats(ast.parse(text), 30_000) for text in typed] == [[1]] * len(typed)
    others = ["SILENCE_MS = 30_000", "HEARTBEAT_S = HEARTBEAT_MS // 1000", "A = 30", "A = True"]
    assert [heartbeats(ast.parse(text), 30_000) for text in others] == [[]] * len(others)


def test_a_scan_finds_comparisons_of_prices() -> None:
    typed = [
        "(a.bid, a.ask, a.spot) == (b.bid, b.ask, b.spot)",
        "(a.source, a.bid, a.ask) != (b.source, b.bid, b.ask)",
        "a.bid != b.bid or a.ask != b.ask",
        'attrgetter("bid", "ask", "spot", "source")',
    ]
    assert [price_comparisons(ast.parse(text)) for text in typed] == [[1]] * len(typed)
    others = [
        "a.bid == b.bid",
        "(a.bid, a.ask) == before",
        "a.bid < b.bid and a.ask < b.ask",
        "a.bid == 0 or a.ask == 0",
    ]
    assert [price_comparisons(ast.parse(text)) for text in others] == [[]] * len(others)


# Channels and times


def test_the_name_of_a_channel_is_only_in_channels() -> None:
    assert list(places(word(RATES_BATCH), *CODE)) == ["shared/model/channels.py"]


def test_the_channel_of_single_symbols_is_only_in_channels() -> None:
    assert places(re.compile(rf"^{RATES}$"), *CODE).keys() - OTHER_RATES == {"shared/model/channels.py"}


def typing_heartbeats(heartbeat_ms: int) -> dict[str, list[int]]:
    found = {path.relative_to(ROOT).as_posix(): heartbeats(parsed(path), heartbeat_ms) for path in files(*OF_THE_FEED)}
    return {path: lines for path, lines in found.items() if lines}


def test_the_half_minute_is_only_in_staleness() -> None:
    found = typing_heartbeats(HEARTBEAT_MS)
    assert {path: len(lines) for path, lines in found.items()} == {"shared/model/staleness.py": 1}


@pytest.mark.parametrize("heartbeat_ms", [10_000, 15_000, 20_000, 45_000, 60_000, 120_000])
def test_another_heartbeat_is_not_taken_for_another_fact(heartbeat_ms: int) -> None:
    """`HEARTBEAT_MS` itself is found by its name."""
    assert typing_heartbeats(heartbeat_ms).keys() == {"shared/model/staleness.py"}
    assert len(typing_heartbeats(heartbeat_ms)["shared/model/staleness.py"]) == 1


@pytest.mark.parametrize("folder", CODE)
def test_what_makes_a_quote_changed_is_only_in_advance(folder: str) -> None:
    """`news_fields` takes the fields from `Quote`; nothing else compares two quotes."""
    assert {path for path in files(folder) if price_comparisons(parsed(path))} == set()


@pytest.mark.parametrize("interval", KEPT_MS)
def test_how_many_candles_are_kept_is_typed_nowhere(interval: str) -> None:
    """How long they are kept is in `shared/model/candles.py`."""
    assert places(KEPT_MS[interval] // INTERVAL_MS[interval], *CODE, "tests") == {}


# The catalogue


def test_the_number_of_assets_is_typed_once() -> None:
    """In the test of the catalogue, so that an asset is not lost unseen; elsewhere it is `len(catalogue())`."""
    typed = places(len(catalogue()), "tests", "tools")
    assert typed.keys() - OTHER_NUMBERS.keys() == {CATALOGUE_TEST}


def test_no_prose_types_the_number_of_assets() -> None:
    """Outside the generated tables nobody would renew it."""
    counted = re.compile(
        rf"\b{len(catalogue())}\s+(?:\w+\s+)?(?:{COUNTED})\b|\b(?:of|all)\s+{len(catalogue())}\b(?!\s+(?:s|ms|%)\b)"
    )
    typed = {}
    for path in sorted(
        {*files(".", endings=(".md", ".yaml", ".html")), *files(*CODE, "clients", "web/src", endings=(".py", ".ts"))}
    ):
        prose = GENERATED.sub("", path.read_text(encoding="utf-8"))
        if found := counted.findall(prose):
            typed[path.relative_to(ROOT).as_posix()] = found
    assert typed == {}


# Limits


@pytest.mark.parametrize(
    "limit",
    [limits.MAX_SYMBOLS, limits.MAX_MESSAGE_BYTES, limits.MAX_ID_LENGTH, limits.MAX_FRAME_BYTES, MAX_READ],
)
def test_a_limit_is_not_typed_in_a_text(limit: int) -> None:
    """An error's text takes it from the constant."""
    typed = re.compile(rf"(?<![\w.,]){limit}(?![\w,])|(?<![\w.,]){limit:,}(?![\w,])|(?<![\w.,]){limit:_}(?![\w,])")
    assert places(typed, "shared") == {}
    inserted = [
        f"{path}:{node.lineno}"
        for path in files("shared")
        for node in nodes(parsed(path))
        if isinstance(node, ast.FormattedValue) and number(node.value) == limit
    ]
    assert inserted == []


def test_that_a_symbol_is_unknown_is_said_in_one_place() -> None:
    assert list(places(re.compile(f"^{NO_SUCH_SYMBOL}"), "shared")) == ["shared/protocol/errors.py"]


@pytest.mark.parametrize("limit", [limits.MAX_SYMBOLS, limits.MAX_MESSAGE_BYTES, limits.MAX_ID_LENGTH, MAX_READ])
def test_a_client_does_not_type_a_limit_of_the_server(limit: int) -> None:
    """Neither in a text nor in a comment: another server has others, and says so."""
    written = f"(?:{limit}|{limit:,}|{limit:_})"
    typed = re.compile(
        rf"\b(?:to|most|to at most|than|limit(?: is| of)?) {written}\b(?![,.]?\d)|\b{written} at most\b", re.IGNORECASE
    )
    found = [
        path
        for path in files("clients", endings=(".py", ".ts", ".md"))
        if typed.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


# Sources


def test_the_name_of_a_sources_setting_is_typed_nowhere() -> None:
    """It follows from the source (`shared/sources/settings.py`)."""
    names = "|".join(setting.name for setting in source_settings())
    assert places(re.compile(rf"\b({names})\b", re.IGNORECASE), *CODE) == {}


def test_the_template_has_no_default_of_a_sources_setting() -> None:
    context = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    assert not context.keys() & {setting.name for setting in source_settings()}


def test_the_simulated_exchange_serves_every_source() -> None:
    market, limit = SimulatedMarket(), RequestLimit(1, 1)
    endpoints = Endpoints(market, WeightMeter(), limit, limit, lambda: 0)
    served = {upstream for _, upstream, _ in endpoints.routes()}
    assert (served, set(ERROR_BODIES), UPSTREAMS) == (set(NAMES), set(NAMES), NAMES)
    for source in (make() for make in SOURCES):
        assert endpoints.find(source.path)[0] == source.name
    with pytest.raises(LookupError):
        endpoints.find("/v0/nothing")


def test_the_simulated_markets_are_those_of_the_catalogue() -> None:
    assert TRAITS.keys() | {"binance", "coingecko"} == set(price_sources())


@pytest.mark.parametrize("folder", [*CODE, "clients", "tests/e2e", "web/src", "web/tests/stack"])
def test_no_list_names_all_sources_again(folder: str) -> None:
    """They are `SOURCES` of the feed, `UPSTREAMS` of the simulated exchange, `price_sources()` of the catalogue."""
    lists = re.compile(r"[\[({]\s*(?:\"\w+\",\s*)+\"\w+\",?\s*[\])}]")
    for path in files(folder, endings=(".py", ".ts", ".mjs")):
        for found in lists.findall(path.read_text(encoding="utf-8")):
            assert not set(price_sources()) <= set(re.findall(r"\w+", found)), path
