"""The edge keeps documents as CloudFront does: one request to the feed at a time, and none while one is fresh."""

import asyncio
import gzip
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import brotli
import pytest
from aiohttp import web

from shared.documents.problems import PROBLEMS
from tools.local.documents import MOST_KEPT, Documents

BODY = b'{"price":' + b"1234567890" * 200 + b"}"
DATE = "Tue, 18 Jun 2024 10:48:43 GMT"


@dataclass
class Feed:
    """The feed's API, which counts what it is asked."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    takes_s: float = 0
    asked: Counter[str] = field(default_factory=Counter)
    conditions: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        self.asked[str(request.rel_url)] += 1
        self.conditions.append(request.headers.get("If-None-Match", ""))
        assert "Origin" not in request.headers
        await asyncio.sleep(self.takes_s)
        headers = {"ETag": '"41-0"', "Last-Modified": DATE, "Cache-Control": "public, max-age=300"} | self.headers
        if self.status == 200 and request.headers.get("If-None-Match") == headers["ETag"]:
            return web.Response(status=304, headers=headers)
        return web.Response(status=self.status, headers=headers, body=BODY, content_type="application/json")


@dataclass
class Edge:
    url: str
    session: aiohttp.ClientSession
    documents: Documents

    async def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, Mapping[str, str], bytes]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.request(method, self.url + path, headers=named) as answer:
            return answer.status, answer.headers, await answer.read()


@asynccontextmanager
async def serving(handle: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{name:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def play(feed: Feed, scene: Callable[[Edge], Awaitable[Any]]) -> None:
    async def run() -> None:
        async with serving(feed.handle) as upstream:
            documents = Documents(upstream)
            async with (
                serving(documents.handle) as url,
                aiohttp.ClientSession(auto_decompress=False, skip_auto_headers=["Accept-Encoding"]) as session,
            ):
                await scene(Edge(url, session, documents))
            await documents.stop()

    asyncio.run(run())


def test_many_readers_cost_the_feed_one_request() -> None:
    feed = Feed(takes_s=0.1)

    async def scene(edge: Edge) -> None:
        answers = await asyncio.gather(*(edge.get("/markets/rates.json") for _ in range(200)))
        assert {(status, body) for status, _, body in answers} == {(200, BODY)}
        assert Counter(headers["X-Cache"] for _, headers, _ in answers) == {"Miss from edge": 1, "Hit from edge": 199}
        await edge.get("/markets/rates.json")

    play(feed, scene)
    assert feed.asked == {"/markets/rates.json": 1}


def test_only_known_fields_of_a_query_distinguish_documents() -> None:
    feed = Feed()

    async def scene(edge: Edge) -> None:
        for query in ("", "?colour=1", "?colour=2", "?symbols=A&limit=2", "?limit=3&x=1&symbols=A", "?symbols=B"):
            await edge.get(f"/markets/rates.json{query}")

    play(feed, scene)
    assert feed.asked == {f"/markets/rates.json{path}": 1 for path in ("", "/~symbols=A", "/~symbols=B")}


def test_any_answer_is_kept_for_a_second() -> None:
    feed = Feed(headers={"Cache-Control": "public, max-age=0"})

    async def scene(edge: Edge) -> None:
        for cache in ("Miss from edge", "Hit from edge"):
            assert (await edge.get("/markets/rates.json"))[1]["X-Cache"] == cache

    play(feed, scene)


def test_an_old_document_is_asked_for_again_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.local.documents.LEAST_KEPT_S", 0)
    feed = Feed(headers={"Cache-Control": "public, max-age=0"})

    async def scene(edge: Edge) -> None:
        for _ in range(3):
            status, headers, body = await edge.get("/markets/rates.json")
            assert (status, headers["X-Cache"], body) == (200, "Miss from edge", BODY)

    play(feed, scene)
    assert feed.conditions == ["", '"41-0"', '"41-0"']


@pytest.mark.parametrize(
    ("accepted", "encoding", "decoded"),
    [
        ("br, gzip", "br", brotli.decompress),
        ("gzip;q=1, br;q=0", "gzip", gzip.decompress),
        ("*", "br", brotli.decompress),
        ("GZIP", "gzip", gzip.decompress),
        ("identity, deflate, br;q=x", "", bytes),
        ("", "", bytes),
    ],
)
def test_a_document_is_compressed_if_that_is_accepted(
    accepted: str, encoding: str, decoded: Callable[[bytes], bytes]
) -> None:
    async def scene(edge: Edge) -> None:
        _, headers, body = await edge.get("/markets/rates.json", Accept_Encoding=accepted)
        assert headers.get("Content-Encoding", "") == encoding
        assert headers["Vary"] == "Accept-Encoding"
        assert headers["ETag"] == ('W/"41-0"' if encoding else '"41-0"')
        assert decoded(body) == BODY

    play(Feed(), scene)


@pytest.mark.parametrize(
    "condition", [{"If_None_Match": 'W/"41-0"'}, {"If_None_Match": '"41-0"'}, {"If_Modified_Since": DATE}]
)
def test_who_has_a_document_gets_none_from_the_edge(condition: dict[str, str]) -> None:
    feed = Feed()

    async def scene(edge: Edge) -> None:
        await edge.get("/markets/rates.json")
        status, headers, body = await edge.get("/markets/rates.json", Accept_Encoding="br", **condition)
        assert (status, body, headers["X-Cache"]) == (304, b"", "Hit from edge")
        assert "Content-Encoding" not in headers

    play(feed, scene)
    assert feed.asked.total() == 1


def test_a_head_has_the_headers_and_no_body() -> None:
    async def scene(edge: Edge) -> None:
        status, headers, body = await edge.get("/markets/rates.json", "HEAD")
        assert (status, body, headers["Content-Length"]) == (200, b"", str(len(BODY)))

    play(Feed(), scene)


def test_what_does_not_read_never_reaches_the_feed() -> None:
    feed = Feed()

    async def scene(edge: Edge) -> None:
        assert (await edge.get("/markets/rates.json", "OPTIONS"))[0] == 204
        for method in ("POST", "DELETE", "PATCH"):
            status, headers, body = await edge.get("/markets/rates.json", method)
            assert (status, headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
            assert b"method_not_allowed" in body

    play(feed, scene)
    assert not feed.asked


@pytest.mark.parametrize("status", sorted({int(status) for status in PROBLEMS.values()}))
def test_an_error_is_kept_for_a_while_too(status: int) -> None:
    """Else who asks for what is not there reaches the feed each time."""
    feed = Feed(status, {"Cache-Control": "no-store", "Retry-After": "5"})

    async def scene(edge: Edge) -> None:
        answers = await asyncio.gather(*(edge.get("/markets/nothing") for _ in range(20)))
        assert {(got, headers["Retry-After"]) for got, headers, _ in answers} == {(status, "5")}

    play(feed, scene)
    assert feed.asked.total() == 1


def test_the_edge_keeps_a_limited_number_of_documents() -> None:
    async def scene(edge: Edge) -> None:
        for number in range(MOST_KEPT + 5):
            await edge.get(f"/markets/history/BTC_CAD/1h.json?before={number}")
        assert len(edge.documents._kept) == MOST_KEPT

    play(Feed(), scene)


def test_a_feed_that_is_not_there_is_a_bad_gateway() -> None:
    async def run() -> None:
        documents = Documents("http://127.0.0.1:1")
        async with serving(documents.handle) as url, aiohttp.ClientSession() as session:
            async with session.get(f"{url}/markets/rates.json") as answer:
                assert answer.status == 502
            async with session.get(f"{url}/markets/rates.json") as answer:
                assert answer.status == 502
        await documents.stop()

    asyncio.run(run())
