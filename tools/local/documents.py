"""The feed's documents at the edge, kept and compressed as CloudFront does on AWS.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RequestAndResponseBehaviorCustomOrigin.html
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/ServingCompressedFiles.html
"""

import asyncio
import gzip
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus

import aiohttp
import brotli
from aiohttp import web
from yarl import URL

from infra.cache_times import LATE_KEPT_S, LEAST_KEPT_S
from shared.documents.answers import answer_without_document
from shared.documents.caching import is_known
from shared.documents.queries import folded

ERROR_KEPT_S = 10  # CloudFront keeps an error at least this long
FROM_LENGTH = 1_000  # it compresses no shorter body
COMPRESSED = ("application/json", "text/csv")
TIMEOUT_S = 29
MOST_KEPT = 1_000
MAX_AGE = re.compile(r"(?:^|[\s,])max-age=(\d{1,9})(?:$|[\s,])")
PASSED_BACK = (
    *("Content-Type", "Cache-Control", "ETag", "Last-Modified", "Retry-After", "X-Content-Type-Options", "Allow"),
    *("Access-Control-Allow-Origin", "Access-Control-Expose-Headers"),
)
# The better one first.
ENCODERS: Mapping[str, Callable[[bytes], bytes]] = {
    "br": lambda body: bytes(brotli.compress(body, quality=5)),
    "gzip": lambda body: gzip.compress(body, 6, mtime=0),
}


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer of the feed, when it came and until when it may be used (monotonic seconds), and its encoded bodies."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    came_s: float
    until_s: float
    encoded: dict[str, bytes] = field(default_factory=dict)

    def body_in(self, encoding: str) -> bytes:
        if encoding not in self.encoded:
            self.encoded[encoding] = ENCODERS[encoding](self.body)
        return self.encoded[encoding]


class DocumentResponse(web.Response):
    """A response with the headers of a document, and none of the page's."""


class Documents:
    """Answers from what it keeps. It asks `upstream_url` for a document only once at a time, however many wait."""

    def __init__(self, upstream_url: str) -> None:
        self._upstream_url = upstream_url
        self._session: aiohttp.ClientSession | None = None
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._asked: dict[str, asyncio.Task[Kept]] = {}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        place = folded(request.rel_url.raw_path, request.rel_url.raw_query_string)
        if answer := answer_without_document(request.method, len(place)):
            return DocumentResponse(status=answer.status, headers=answer.headers, body=answer.body)
        kept, is_hit = self._kept.get(place), True
        if kept is None or kept.until_s <= time.monotonic():
            is_hit = place in self._asked
            if not is_hit:
                self._asked[place] = asyncio.create_task(self._ask(place, kept))
            try:
                kept = await asyncio.shield(self._asked[place])
            except TimeoutError:
                return web.Response(status=504, text="The feed did not answer in time.\n")
            except (aiohttp.ClientError, OSError) as error:
                return web.Response(status=502, text=f"The feed is not reachable: {error}.\n")
        return _response(request, kept, is_hit=is_hit)

    async def stop(self) -> None:
        for task in self._asked.values():
            task.cancel()
        await asyncio.gather(*self._asked.values(), return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _ask(self, place: str, old: Kept | None) -> Kept:
        """Ask the feed, and keep its answer."""
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        known = {"If-None-Match": old.headers["ETag"]} if old and "ETag" in old.headers else {}
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),
                self._session.get(URL(self._upstream_url + place, encoded=True), headers=known) as answer,
            ):
                kept = _kept(answer, await answer.read(), old)
        finally:
            del self._asked[place]
        self._kept[place] = kept
        self._kept.move_to_end(place)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return kept


def _kept(answer: aiohttp.ClientResponse, body: bytes, old: Kept | None) -> Kept:
    headers = {name: answer.headers[name] for name in PASSED_BACK if name in answer.headers}
    now_s = time.monotonic()
    until_s = now_s + _kept_for_s(answer.status, headers)
    if answer.status == HTTPStatus.NOT_MODIFIED and old:
        return replace(old, headers={**old.headers, **headers}, came_s=now_s, until_s=until_s)
    return Kept(answer.status, headers, body, now_s, until_s)


def _kept_for_s(status: int, headers: Mapping[str, str]) -> int:
    found = MAX_AGE.search(headers.get("Cache-Control", ""))
    stated = max(int(found[1]) if found else 0, LEAST_KEPT_S)
    if status < 400:
        return stated
    return max(stated, LATE_KEPT_S if status == HTTPStatus.SERVICE_UNAVAILABLE else ERROR_KEPT_S)


def _response(request: web.Request, kept: Kept, *, is_hit: bool) -> web.Response:
    headers = {
        **kept.headers,
        "Age": str(int(time.monotonic() - kept.came_s)),
        "X-Cache": f"{'Hit' if is_hit else 'Miss'} from edge",
    }
    sent = {name.lower(): value for name, value in request.headers.items()}
    body = kept.body
    if kept.headers.get("Content-Type", "").startswith(COMPRESSED) and len(body) >= FROM_LENGTH:
        headers["Vary"] = "Accept-Encoding"
        if encoding := _encoding(sent.get("accept-encoding", "")):
            body = kept.body_in(encoding)
            headers |= {"Content-Encoding": encoding, "ETag": f"W/{kept.headers['ETag']}"}
    if kept.status == HTTPStatus.OK and is_known(kept.headers["ETag"], kept.headers["Last-Modified"], sent):
        headers.pop("Content-Encoding", None)
        return DocumentResponse(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    return DocumentResponse(status=kept.status, headers=headers, body=body)


def _encoding(accepted: str) -> str:
    """The best encoding that a client accepts; empty if it accepts none.

    https://datatracker.ietf.org/doc/html/rfc9110#section-12.5.3
    """
    weights: dict[str, float] = {}
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        try:
            weights[name.strip()] = float(weight.strip().removeprefix("q=") or 1)
        except ValueError:
            weights[name.strip()] = 0
    return next((name for name in ENCODERS if weights.get(name, weights.get("*", 0)) > 0), "")
