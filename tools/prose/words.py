"""The project's own words as checks of proselint: the glossary's synonyms and the turns of phrase in `words.toml`."""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

from proselint.registry.checks import Check, CheckFlags, engine, types

ROOT = Path(__file__).parent.parent.parent
GLOSSARY = ROOT / "docs" / "ARCHITECTURE.md"
TURNS = Path(__file__).with_name("words.toml")
GLOSSARY_ROW = re.compile(r"^\| \*\*([^*|]+)\*\* \| [^|]+ \| ([^|]*) \|$", re.MULTILINE)
PREFIX = "cadfeed"
BETWEEN_WORDS = r"(?:[ \t]+|[ \t]*\n[ \t]*)"  # a phrase may go over the end of a line, not of a paragraph


def own_checks() -> tuple[Check, ...]:
    """A check for each synonym of the glossary and for each turn of phrase. Its message says what to write instead.

    Raises:
        ValueError: the glossary has no rows.
        re.error: a pattern is wrong.
    """
    return (*_of_glossary(GLOSSARY.read_text(encoding="utf-8")), *_of_turns(tomllib.loads(TURNS.read_text())["turns"]))


def _of_glossary(text: str) -> Iterable[Check]:
    rows = GLOSSARY_ROW.findall(text)
    if not rows:
        raise ValueError(f"{GLOSSARY} has no glossary")
    for word, synonyms in rows:
        for synonym in re.findall(r"`([^`]+)`", synonyms):
            words = " ".join(map(re.escape, synonym.split()))
            yield _check("glossary", rf"\b{words}s?\b", f'write "{word}"; the glossary has one word for it')


def _of_turns(turns: Iterable[dict[str, str]]) -> Iterable[Check]:
    for turn in turns:
        yield _check("turns", turn["pattern"], turn["instead"])


def _check(name: str, pattern: str, message: str) -> Check:
    return Check(
        check_type=types.ExistenceSimple(pattern=pattern.replace(" ", BETWEEN_WORDS)),
        path=f"{PREFIX}.{name}",
        message=message.replace("{", "{{").replace("}", "}}"),
        flags=CheckFlags(allow_quotes=True),
        engine=engine.Fancy(engine.RegexOptions(case_insensitive=True, multi_line=True)),
    )
