"""Tells the requests of programs on this machine from those that a web page makes a browser send.

A page of any origin may send plain requests to every port of its visitor's machine. A browser marks them: with `Origin`
where the page posts or opens a WebSocket, with `Sec-Fetch-Site` on all of them, and with the page's own name in `Host`
where that name was bound to 127.0.0.1. A page can neither leave these out nor set them.
https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site
https://datatracker.ietf.org/doc/html/rfc6454#section-7.3
"""

import re
from collections.abc import Mapping

# In this header the edge tells the emulator a visitor's origin. A page could set it only after a preflight, which is
# refused like all else that a page sends.
VISITOR_ORIGIN = "X-Visitor-Origin"
MARKS = ("origin", "sec-fetch-site")
# `localhost` and the names below it are this machine's own: https://datatracker.ietf.org/doc/html/rfc6761#section-6.3
OWN_HOST = re.compile(r"(([a-z0-9-]+\.)*localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?", re.IGNORECASE)


def refusal(headers: Mapping[str, str]) -> str:
    """Say why a request is refused; empty if a program on this machine sent it. `headers` has names in lower case."""
    for mark in MARKS:
        if mark in headers:
            return f"a browser sent this (its request has {mark}); only programs on this machine are answered here"
    if not OWN_HOST.fullmatch(headers.get("host", "")):
        return "the request's Host is not this machine; only programs on this machine are answered here"
    return ""
