"""The prose checker: what it reads, what it refuses, and that it says what to write instead."""

import re
from pathlib import Path, PurePath

import pytest

from tools.prose.__main__ import main
from tools.prose.texts import is_checked, prose_of
from tools.prose.words import GLOSSARY, GLOSSARY_ROW, own_checks

PYTHON = '''"""A docstring.

With a second paragraph.
"""
rate = 1  # a comment
raise ValueError("the rate is missing")
KEY = "two words"
def test_a_rate_is_a_price(): ...
'''


def words(path: str, content: str) -> list[str]:
    prose = prose_of(PurePath(path), content)
    assert len(prose) == len(content)
    return [part for part in re.split(r"[\0\n]+", prose) if part.strip("\1 ")]


def findings(tmp_path: Path, name: str, content: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    (tmp_path / name).write_text(content, encoding="utf-8")
    failed = main([str(tmp_path / name)])
    lines = capsys.readouterr().out.splitlines()
    assert failed == bool(lines)
    return lines[:-1]


def test_python_prose_is_docstrings_comments_texts_and_names() -> None:
    assert [part.strip() for part in words("rates.py", PYTHON)] == [
        "A docstring.",
        "With a second paragraph.",
        "a comment",
        "the rate is missing",
        "test a rate is a price",
    ]


def test_markdown_prose_leaves_code_out() -> None:
    assert words("guide.md", "Read `who`\n\n```\nwho reads\n```\n[here](who.md)\n") == [
        "Read \1\1\1\1\1",
        "[here\1\1\1\1\1\1\1\1\1",
    ]


def test_typescript_prose_is_comments_and_sentences() -> None:
    script = '/** What it\n * does. */\nconst key = "anew"; // a note\nfail("the rate is missing");\n'
    assert [part.strip() for part in words("feed.ts", script)] == ["What it", "does.", "a note", "the rate is missing"]


def test_a_pages_prose_is_what_people_read() -> None:
    page = (
        '<!doctype html><title>Live quotes</title>\n<script type="module">const no = "no prose here";</script>'
        '<!-- a note --><p class="no prose" title="The time">Click <b>here</b> now</p>'
        '<input placeholder="Filter by name">'
    )
    assert [part.strip() for part in words("index.html", page)] == [
        *("Live quotes", "a note", "The time", "Click", "here", "now", "Filter by name")
    ]


def test_the_prose_of_styles_is_their_comments() -> None:
    styles = '/* What it\n * does. */\n.state { content: "not this text"; } /* a note */\n'
    assert [part.strip() for part in words("style.css", styles)] == ["What it", "does.", "a note"]


def test_the_prose_of_json_is_the_sentences_of_its_values() -> None:
    text = '{"not this key": "The \\"live\\" quotes of it", "name": "cadfeed-web", "list": ["in a list too"]}\n'
    assert words("package.json", text) == ['The \\"live\\" quotes of it', "in a list too"]


def test_yaml_prose_leaves_keys_out() -> None:
    assert words("api.yaml", "data:\n  description: The data\n")[-1].strip() == "The data"


def test_other_files_have_no_prose() -> None:
    assert not is_checked(PurePath("package-lock.json"))
    assert is_checked(PurePath("Makefile"))


@pytest.mark.parametrize(
    ("sentence", "instead"),
    [
        ("The snapshot of who reads it.", "name the subject"),
        ("Who sends too much is closed.", "name the subject"),
        ("A table, of which the columns are short.", "whose"),
        ("Those of the sources that fail.", "begin with the noun"),
        ("It waits so long, and no more.", "the number"),
        ("A silence is no failure.", "is not a"),
        ("What a source says of a market.", "about"),
        ("The page is built anew.", "again"),
        ("A frame may so come twice.", "so ... may"),
        ("A post goes through one door.", "gateway"),
        ("It is asked so\noften.", "the number"),
    ],
)
def test_a_stumbling_phrase_is_refused(
    sentence: str, instead: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, content in (("guide.md", f"{sentence}\n"), ("module.py", f'"""{sentence}"""\n')):
        found = findings(tmp_path, name, content, capsys)
        assert any(instead in line for line in found), found


@pytest.mark.parametrize(
    "sentence",
    [
        "A client that sends too much is closed.",
        "There is no price, so the symbol is unavailable.",
        "It is so long that two frames are needed.",
        "Who may import what?",
        "Five sources, one of which is slow.",
        "It is no longer subscribed.",
    ],
)
def test_plain_english_passes(sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert findings(tmp_path, "guide.md", f"{sentence}\n", capsys) == []


def test_a_finding_names_its_line_and_column(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = findings(tmp_path, "module.py", 'rate = 1\n"""It is\nbuilt anew."""\n', capsys)
    assert ":3:7:" in line


def test_each_synonym_of_the_glossary_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = GLOSSARY_ROW.findall(GLOSSARY.read_text(encoding="utf-8"))
    assert len(rows) >= 20
    for word, synonyms in rows:
        for synonym in re.findall(r"`([^`]+)`", synonyms):
            found = findings(tmp_path, "guide.md", f"The {synonym} is here.\n", capsys)
            assert any(f'write "{word}"' in line for line in found), synonym


def test_a_phrase_does_not_reach_across_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert findings(tmp_path, "module.py", "x = 1  # it waits so\ny = 2  # long enough\n", capsys) == []


def test_each_turn_has_an_answer() -> None:
    assert all(check.message for check in own_checks())
