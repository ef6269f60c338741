"""The prose of a file. Everything else becomes `GAP` characters, so a finding's line and column stay right."""

import io
import re
import tokenize
from collections.abc import Callable, Iterator
from pathlib import PurePath

GAP = "\0"  # neither a space nor part of a word, so no phrase reaches across it
CODE = "\1"  # the same, within a sentence
LOCK = "package-lock.json"  # npm writes it
FEWEST_WORDS = 3  # a shorter string is data, not prose
NOT_PROSE = re.compile(
    r"```.*?```|~~~.*?~~~|`[^`\n]*`|\]\([^)\s]*\)|https?://[^\s)>\"']+|<[/!a-zA-Z][^<>]*>", re.DOTALL | re.MULTILINE
)
SCRIPT_TOKENS = re.compile(
    r"(?P<comment>/\*.*?\*/|//[^\n]*)|(?P<string>\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)",
    re.DOTALL,
)
YAML_KEY = re.compile(r"^[ -]*[^\s:#]+:(?=\s)", re.MULTILINE)
HASH_COMMENT = re.compile(r"(?:^|(?<=\s))#[^\n]*", re.MULTILINE)

# `<script>` and `<style>` have no prose; a browser shows the text between all other tags.
PAGE_PARTS = re.compile(
    r"<!--(?P<comment>.*?)-->|<(?P<raw>script|style)\b.*?</(?P=raw)>|(?P<tag><[/!a-zA-Z](?:\"[^\"]*\"|'[^']*'|[^<>\"'])*>)"
    r"|(?P<text>[^<]+)",
    re.DOTALL | re.IGNORECASE,
)
READ_ATTRIBUTE = re.compile(r"\s(?:content|title|placeholder|alt|label|aria-label|aria-description)=\"([^\"]*)\"")
STYLE_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
JSON_STRING = re.compile(r"(?P<string>\"(?:\\.|[^\"\\\n])*\")(?P<is_key>\s*:)?")

Spans = Iterator[tuple[int, str]]  # an offset in the file, and the prose there, as long as what it stands for


def is_checked(path: PurePath) -> bool:
    """Whether files of this kind have prose to check."""
    return path.name != LOCK and (path.suffix in _SPANS or path.name in _SPANS)


def prose_of(path: PurePath, content: str) -> str:
    """The prose, as long as the content.

    Raises:
        KeyError: the kind of file is not checked.
    """
    spans = _SPANS.get(path.suffix) or _SPANS[path.name]
    text = list(re.sub(r"[^\n]", GAP, content))
    for start, prose in spans(content):
        text[start : start + len(prose)] = prose
    return "".join(text)


def _python(content: str) -> Spans:
    """Docstrings, comments, sentences in strings, and the names of functions with their underscores as spaces."""
    starts = [0]
    for line in content.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    before = ""
    for token in tokenize.generate_tokens(io.StringIO(content).readline):
        start = starts[token.start[0] - 1] + token.start[1]
        kind = tokenize.tok_name[token.type]
        if kind == "COMMENT":
            yield from _commented(content, start, token.string, r"^#[: ]*")
        elif kind in {"STRING", "FSTRING_MIDDLE"}:
            yield from _sentence(start, content[start : starts[token.end[0] - 1] + token.end[1]])
        elif before == "def":
            yield start, token.string.replace("_", " ")
        before = token.string


def _script(content: str) -> Spans:
    """The comments of TypeScript or JavaScript, and sentences in its strings."""
    for token in SCRIPT_TOKENS.finditer(content):
        if token["comment"]:
            yield from _commented(content, token.start(), token[0], r"^//+|^/\*+|\*/$|^\s*\*(?=\s)")
        else:
            yield from _sentence(token.start(), token[0])


def _page(content: str) -> Spans:
    """The text and the comments of a page, and the attributes that people read."""
    for part in PAGE_PARTS.finditer(content):
        if part["text"]:
            yield part.start(), _without_code(part["text"])
        elif part["comment"]:
            yield part.start("comment"), _without_code(part["comment"])
        elif part["tag"]:
            for read in READ_ATTRIBUTE.finditer(part["tag"]):
                yield part.start() + read.start(1), _without_code(read[1])


def _styles(content: str) -> Spans:
    """The comments."""
    for comment in STYLE_COMMENT.finditer(content):
        yield from _commented(content, comment.start(), comment[0], r"^/\*+|\*/$|^\s*\*(?=\s)")


def _json(content: str) -> Spans:
    """The sentences among the values."""
    for string in JSON_STRING.finditer(content):
        if not string["is_key"]:
            yield from _sentence(string.start(), string[0])


def _hashes(content: str) -> Spans:
    for comment in HASH_COMMENT.finditer(content):
        yield from _commented(content, comment.start(), comment[0], r"^#+")


def _document(content: str) -> Spans:
    yield 0, _without_code(content)


def _yaml(content: str) -> Spans:
    """Everything but the keys."""
    yield 0, _without_code(YAML_KEY.sub(_gap, content))


def _commented(content: str, start: int, comment: str, marks: str) -> Spans:
    """A comment, joined to the one in the line before it when nothing else stands in its own line."""
    line = content.rfind("\n", 0, start) + 1
    indent = content[line:start]
    if indent.isspace():
        yield line, indent
    yield start, _without_code(re.sub(marks, lambda m: " " * len(m[0]), comment, flags=re.MULTILINE))


def _sentence(start: int, literal: str) -> Spans:
    if len(literal.split()) >= FEWEST_WORDS:
        yield start, _without_code(re.sub(r"^\w*(\"\"\"|'''|[\"'`])|(\"\"\"|'''|[\"'`])$", _gap, literal))


def _without_code(text: str) -> str:
    return NOT_PROSE.sub(lambda found: re.sub(r"[^\n]", CODE, found[0]), text)


def _gap(found: re.Match[str]) -> str:
    return GAP * len(found[0])


_SPANS: dict[str, Callable[[str], Spans]] = {
    ".py": _python,
    ".ts": _script,
    ".mjs": _script,
    ".md": _document,
    ".html": _page,
    ".css": _styles,
    ".json": _json,
    ".yaml": _yaml,
    ".yml": _hashes,
    ".toml": _hashes,
    "Makefile": _hashes,
}
