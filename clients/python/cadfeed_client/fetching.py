"""One answer over HTTP, fetched in a thread of its own: this package needs no HTTP library for one address."""

import asyncio
import re
import ssl
import threading
import zlib
from contextlib import suppress
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPSHandler, OpenerDirector, ProxyHandler, Request, build_opener

from .polling import Document

TIMEOUT_S = 10
MOST_BYTES = 2_000_000
HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip"}
MAX_AGE = re.compile(r"\bmax-age=(\d{1,9})")


async def fetched(address: str, tls: object, proxy: object) -> Document | None:
    """The document at the address; `None` if it does not answer within 10 s, or with nothing that could be read.

    `tls` and `proxy` are as for `websockets.asyncio.client.connect`: a context, or anything else for the usual one;
    an address, `None` for no proxy, or anything else for that of the environment.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Document | None] = loop.create_future()

    def settle(document: Document | None) -> None:
        if not answer.done():
            answer.set_result(document)

    def work() -> None:
        document = _read(address, tls, proxy)
        # The program may have ended its loop meanwhile: the thread must not keep it.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, document)

    threading.Thread(target=work, name=f"fetch {address}", daemon=True).start()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await answer
    except TimeoutError:  # of the whole answer: a socket's own is for each of its pieces
        return None


def _opener(tls: object, proxy: object) -> OpenerDirector:
    handlers: list[Any] = [HTTPSHandler(context=tls if isinstance(tls, ssl.SSLContext) else None)]
    if proxy is None:
        handlers.append(ProxyHandler({}))
    elif isinstance(proxy, str):
        handlers.append(ProxyHandler({"http": proxy, "https": proxy}))
    return build_opener(*handlers)


def _read(address: str, tls: object, proxy: object) -> Document | None:
    try:
        opener = _opener(tls, proxy)
        try:
            # The address is one of HTTP: it is made from that of the socket.
            answer = opener.open(Request(address, headers=HEADERS), timeout=TIMEOUT_S)  # noqa: S310
        except HTTPError as refusal:
            answer = refusal  # it has a body, which says why
        with answer:
            body = answer.read(MOST_BYTES)
            if answer.headers.get("Content-Encoding") == "gzip":
                body = _unpacked(body)
            return Document(body.decode(), _kept_s(answer.headers))
    except (OSError, EOFError, HTTPException, ValueError, zlib.error):
        return None


def _unpacked(body: bytes) -> bytes:
    """Raises: EOFError, zlib.error: it is cut, too long or not compressed."""
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)  # with the header of gzip
    text = unpacking.decompress(body, MOST_BYTES)
    if not unpacking.eof:
        raise EOFError("the body does not end")
    return text


def _kept_s(headers: Any) -> int:
    """For how long a cache will give this answer again."""
    kept = MAX_AGE.search(headers.get("Cache-Control", ""))
    age = headers.get("Age", "")
    return max(0, int(kept[1] if kept else 0) - int(age if age.isdecimal() else 0))
