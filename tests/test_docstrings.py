"""Each public function of `shared/` and of the Python client that raises an error names it under `Raises:`."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
Function = ast.FunctionDef | ast.AsyncFunctionDef
ROOMS = ("shared", "clients/python/cadfeed_client")
DUNDER = re.compile(r"__\w+__")
SECTION = re.compile(r"^Raises:\n((?: +\S[^\n]*\n?)+)", re.MULTILINE)
ENTRY = re.compile(r"^ +(\w+): \S", re.MULTILINE)


def public_functions(body: list[ast.stmt], of_class: str = "") -> Iterator[tuple[Function, str]]:
    """The functions and methods that other rooms may call, each with its docstring; `__init__` may have its class's."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node.body, ast.get_docstring(node) or "")
        elif isinstance(node, Function) and (not node.name.startswith("_") or DUNDER.fullmatch(node.name)):
            yield node, ast.get_docstring(node) or (of_class if node.name == "__init__" else "")


def raised(function: Function) -> set[str]:
    """The classes after `raise` in the function, without the functions inside it. A raised variable has no class."""
    found: set[str] = set()
    nodes: list[ast.AST] = list(function.body)
    while nodes:
        node = nodes.pop()
        if isinstance(node, Function | ast.Lambda):
            continue
        if isinstance(node, ast.Raise):
            found |= set(classes(node.exc))
        nodes += ast.iter_child_nodes(node)
    return {name for name in found if name[0].isupper()}


def classes(error: ast.expr | None) -> Iterator[str]:
    match error:
        case ast.IfExp(body=one, orelse=other):
            yield from (*classes(one), *classes(other))
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) | ast.Name(id=name) | ast.Attribute(attr=name):
            yield name


def documented(docstring: str) -> set[str]:
    section = SECTION.search(docstring)
    return set(ENTRY.findall(section[1])) if section else set()


def missing(source: str) -> dict[str, set[str]]:
    functions = public_functions(ast.parse(source).body)
    return {each.name: lacking for each, docstring in functions if (lacking := raised(each) - documented(docstring))}


@pytest.mark.parametrize(
    "path",
    sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py")),
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_public_functions_name_what_they_raise(path: Path) -> None:
    assert missing(path.read_text(encoding="utf-8")) == {}


@pytest.mark.parametrize(
    ("body", "lacking"),
    [
        ('"""A rate."""\n raise ValueError("no rate")', {"ValueError"}),
        ('"""A rate.\n\n Raises:\n     KeyError: there is none.\n """\n raise ValueError("no rate")', {"ValueError"}),
        ('"""A rate.\n\n Raises:\n     ValueError: there is none.\n """\n raise ValueError("no rate")', set()),
        ('"""Raises: ValueError."""\n raise ValueError', {"ValueError"}),
        ("try:\n  pass\n except OSError:\n  raise Gone from None", {"Gone"}),
        ("raise Gone if gone else PostFailed", {"Gone", "PostFailed"}),
        ("raise errors.Gone(ID)", {"Gone"}),
        ("raise", set()),
        ("def inner():\n  raise ValueError\n return inner", set()),
    ],
)
def test_what_is_missing_is_found(body: str, lacking: set[str]) -> None:
    assert missing(f"def rate():\n {body}\n") == ({"rate": lacking} if lacking else {})


def test_the_docstring_of_a_class_is_for_its_init() -> None:
    made = """class Feed:
    \"\"\"The quotes.

    Raises:
        ValueError: no address.
    \"\"\"

    def __init__(self): raise ValueError
    def __enter__(self): raise RuntimeError
    def close(self): raise ValueError
"""
    assert missing(made) == {"__enter__": {"RuntimeError"}, "close": {"ValueError"}}
