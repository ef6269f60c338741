"""The languages of the page and the widget. Each is a file of its own, and an edge chooses it.

The language is that of `?lang=`, else that of the cookie `lang`, which the page's settings set, else the one of
these that the browser prefers.
"""

import re

ENGLISH, FRENCH = "en", "fr"
FIELD = "lang"
WIDGET = "/embed"
# By their addresses.
FILES = {
    "/": {ENGLISH: "/index.html", FRENCH: "/fr.html"},
    WIDGET: {ENGLISH: "/embed.html", FRENCH: "/embed.fr.html"},
}
WIDGET_PATHS = (WIDGET, *FILES[WIDGET].values())

# Also a pattern of JavaScript. Browsers send the language that they prefer first.
# https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Accept-Language
KNOWN = rf"(?:^|[,\s])({ENGLISH}|{FRENCH})\b"


def file_at(path: str, asked: str = "", accepted: str = "") -> str | None:
    """The file at an address, in the language `asked` for, else in the one that is accepted (`Accept-Language`). `None`
    if the address is that of a file."""
    known = (re.search(KNOWN, each, re.IGNORECASE) for each in (asked, accepted))
    found = next((each for each in known if each), None)
    return FILES[path][found[1].lower() if found else ENGLISH] if path in FILES else None
