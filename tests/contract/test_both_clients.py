"""Both clients, the page, the README and the guide name what the contract has: fields, channels, intervals."""

import json
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest

from cadfeed_client import Interval, Quote
from shared.model.candles import INTERVAL_MS
from shared.model.channels import CHANNELS
from tests.schemas import contract

ROOT = Path(__file__).parents[2]
SCHEMA = contract()["components"]["schemas"]["Quote"]
FIELDS = set(SCHEMA["properties"])


def text_of(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def section(path: str, heading: str) -> str:
    """Return the text from a heading to the next one of its level."""
    level = heading.split(" ")[0]
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^{level} |\Z)", text_of(path), re.MULTILINE | re.DOTALL)
    assert found, f"{path} has no heading {heading}"
    return found[1]


def is_exact(schema: Mapping[str, Any]) -> bool:
    """Return whether a field is a number that need not be whole."""
    return any(inner.get("type") == "number" for inner in (schema, *schema.get("allOf", ())))


def code(names: "set[str] | tuple[str, ...] | list[str]") -> set[str]:
    return {f"`{name}`" for name in names}


def named(text: str) -> set[str]:
    return set(re.findall(r"`[^`\n]+`", text))


def test_the_python_client_has_every_field_of_a_quote() -> None:
    """It has the time once, in milliseconds."""
    assert {field.name for field in fields(Quote)} == FIELDS - {"timestamp", "ts"} | {"ts_ms"}


def test_the_typescript_client_has_every_field_of_a_quote() -> None:
    files = sorted((ROOT / "clients" / "typescript" / "src").glob("*.ts"))
    (body,) = re.findall(
        r"^export interface Quote {\n(.*?)^}", "".join(map(Path.read_text, files)), re.MULTILINE | re.DOTALL
    )
    assert set(re.findall(r"^ +readonly (\w+)\??:", body, re.MULTILINE)) == FIELDS


@pytest.mark.parametrize(
    ("path", "name"), [("clients/typescript/src/exact.ts", "QUOTED = ["), ("docs/protocol.md", "PRICES = new Set([")]
)
def test_the_exact_numbers_of_a_quote_keep_their_digits(path: str, name: str) -> None:
    """JavaScript would make floats of them."""
    exact = {field for field, schema in SCHEMA["properties"].items() if is_exact(schema)}
    quoted = text_of(path).partition(name)[2].partition("]")[0]
    assert {"bid", "change"} < exact
    assert set(re.findall(r'"(\w+)"', quoted)) == exact


def test_the_guide_explains_the_optional_fields_of_a_quote() -> None:
    optional = FIELDS - set(SCHEMA["required"])
    assert code(optional) <= named(section("docs/protocol.md", "## How to read a quote"))


@pytest.mark.parametrize(("path", "heading"), [("README.md", "## Listen"), ("docs/protocol.md", "## The channels")])
def test_the_docs_name_every_channel(path: str, heading: str) -> None:
    assert code(CHANNELS) <= named(section(path, heading))


def test_the_readme_names_every_interval() -> None:
    assert code(list(INTERVAL_MS)) <= named(section("README.md", "### Messages"))


def test_the_python_client_has_every_interval() -> None:
    assert list(get_args(Interval)) == list(INTERVAL_MS)


def test_the_typescript_client_has_every_interval() -> None:
    (told,) = re.findall(r"^export type Interval = (.*);$", text_of("clients/typescript/src/answers.ts"), re.MULTILINE)
    assert [json.loads(name) for name in told.split(" | ")] == list(INTERVAL_MS)


def test_the_page_offers_every_interval_with_its_length() -> None:
    (lengths,) = re.findall(r"LENGTH_MS: .*? = {(.*?)};", text_of("web/src/chart/candles.ts"), re.DOTALL)
    told = re.findall(r'"(\w+)": ([\d_]+)', lengths)
    assert {name: int(length_ms) for name, length_ms in told} == INTERVAL_MS
    (offered,) = re.findall(
        r"^export const INTERVALS: .*? = \[\n(.*?)^\];", text_of("web/src/chart/look.ts"), re.MULTILINE | re.DOTALL
    )
    assert re.findall(r'\["(\w+)", ', offered) == list(INTERVAL_MS)
