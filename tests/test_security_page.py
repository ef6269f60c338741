"""docs/security.md: each thing that holds names a test, which is there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/.]+)::(\w+)`", PAGE)


def test_every_test_that_it_names_is_there() -> None:
    assert len(NAMED) > 20
    for file, name in NAMED:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, f"{file}::{name}"


def test_what_holds_names_a_test_and_each_attacker_has_a_limit() -> None:
    attackers = [part for part in PAGE.split("\n## ")[1:] if "<!--" not in part]
    assert len(attackers) >= 5
    for part in attackers:
        statements = re.findall(r"^- (.*?)(?=^- |^\S|\Z)", part, re.MULTILINE | re.DOTALL)
        assert statements
        assert all("::test_" in statement for statement in statements), part
        assert "\nWhat does not hold: " in part
