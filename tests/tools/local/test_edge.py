"""The TLS edge: what a client and the feed behind it see of each other."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Data, Subprotocol

from infra.security_headers import HEADERS, WIDGET_HEADERS, WIDGET_POLICY, content_security_policy
from tools.browser_requests import VISITOR_ORIGIN
from tools.local.certificates import Certificates, ensure
from tools.local.edge import Edge, start_edge
from tools.local.relay import MAX_FRAME_BYTES

Behaviour = Callable[[web.WebSocketResponse], Awaitable[None]]
DEADLINE_S = 10


@dataclass(slots=True)
class Upstream:
    """A feed's socket that behaves as a test tells it to, and remembers what it was asked and how it ended."""

    behaviour: Behaviour
    status: int = 101
    request: web.Request | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    close_code: int | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.request = request
        if self.status != 101:
            return web.Response(status=self.status)
        socket = web.WebSocketResponse(protocols=("cad.v1",), max_msg_size=0)
        await socket.prepare(request)
        try:
            await self.behaviour(socket)
        finally:
            self.close_code = socket.close_code
            self.ended.set()
        return socket


async def echo(socket: web.WebSocketResponse) -> None:
    async for message in socket:
        await (socket.send_str if message.type is aiohttp.WSMsgType.TEXT else socket.send_bytes)(message.data)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return ensure(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def tls(certificates: Certificates) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificates.ca_pem))


@asynccontextmanager
async def edge_before(upstream: Upstream, certificates: Certificates, web_folder: Path) -> AsyncIterator[Edge]:
    app = web.Application()
    app.router.add_get("/_aws/execute-api/api/prod", upstream.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    edge = None
    try:
        async with asyncio.timeout(DEADLINE_S):
            url = f"ws://127.0.0.1:{runner.addresses[0][1]}/_aws/execute-api/api/prod"
            edge = await start_edge(certificates, url, 0, web_folder)
            yield edge
    finally:
        if edge:
            await edge.stop()
        await runner.cleanup()


def websocket(edge: Edge, tls: ssl.SSLContext, path: str = "/markets/ws/", **options: object) -> connect:
    return connect(f"wss://localhost:{edge.port}{path}", ssl=tls, proxy=None, **options)  # type: ignore[arg-type]


def play(
    scene: Callable[[Edge], Awaitable[None]],
    certificates: Certificates,
    upstream: Upstream | None = None,
    web_folder: Path | None = None,
) -> None:
    async def run() -> None:
        async with edge_before(upstream or Upstream(echo), certificates, web_folder or Path(__file__).parent) as edge:
            await scene(edge)

    asyncio.run(run())


@pytest.mark.parametrize("path", ["/markets/ws", "/markets/ws/", "//markets/ws/"])
def test_messages_pass_both_ways_whole_and_in_order(certificates: Certificates, tls: ssl.SSLContext, path: str) -> None:
    async def scene(edge: Edge) -> None:
        async with websocket(edge, tls, path) as socket:
            sent = ["", "quote é €", "x" * MAX_FRAME_BYTES, *map(str, range(200))]
            for message in sent:
                await socket.send(message)
            assert [await socket.recv() for _ in sent] == sent

    play(scene, certificates)


def test_compression_is_not_negotiated(certificates: Certificates, tls: ssl.SSLContext) -> None:
    """API Gateway offers none."""

    async def scene(edge: Edge) -> None:
        async with websocket(edge, tls, compression="deflate") as socket:
            assert socket.response is not None
            assert "Sec-WebSocket-Extensions" not in socket.response.headers

    play(scene, certificates)


@pytest.mark.parametrize("lengths", [[1, 0, 2], [MAX_FRAME_BYTES] * 4])
def test_a_message_in_fragments_arrives_whole(
    certificates: Certificates, tls: ssl.SSLContext, lengths: list[int]
) -> None:
    """Up to 128 KB, as API Gateway takes it."""

    async def scene(edge: Edge) -> None:
        async with websocket(edge, tls) as socket:
            await socket.send(["x" * length for length in lengths])
            assert await socket.recv() == "x" * sum(lengths)

    play(scene, certificates)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        pytest.param(b"quotes", 1003, id="binary"),
        pytest.param("x" * (MAX_FRAME_BYTES + 1), 1009, id="long-frame"),
        pytest.param(["x", "x" * (MAX_FRAME_BYTES + 1), "x"], 1009, id="long-fragment"),
        pytest.param(["x" * MAX_FRAME_BYTES] * 4 + ["x"], 1009, id="long-message"),
    ],
)
def test_what_api_gateway_refuses_closes_the_connection(
    certificates: Certificates, tls: ssl.SSLContext, message: Data | list[Data], code: int
) -> None:
    """With API Gateway's close code, and the feed gets nothing of it."""
    heard: list[aiohttp.WSMessage] = []

    async def hear(socket: web.WebSocketResponse) -> None:
        heard.extend([message async for message in socket])

    upstream = Upstream(hear)

    async def scene(edge: Edge) -> None:
        async with websocket(edge, tls) as socket:
            await socket.send(message)
            assert (await close_of(socket))[0] == code
        await upstream.ended.wait()
        assert upstream.close_code == code
        assert not heard

    play(scene, certificates, upstream)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        pytest.param(b"\xa1\x80\0\0\0\0", 1002, id="reserved-bit"),
        pytest.param(b"\x81\x02{}", 1002, id="no-mask"),
        pytest.param(b"\x81\x81\0\0\0\0\xff", 1007, id="not-utf-8"),
    ],
)
def test_a_frame_against_the_rfc_closes_with_the_edges_own_code(
    certificates: Certificates, tls: ssl.SSLContext, frame: bytes, code: int
) -> None:
    """https://datatracker.ietf.org/doc/html/rfc6455#section-7.4.1"""

    async def scene(edge: Edge) -> None:
        async with websocket(edge, tls) as socket:
            socket.transport.write(frame)
            assert (await close_of(socket))[0] == code

    play(scene, certificates)


def test_after_a_wrong_upgrade_another_request_is_answered(
    certificates: Certificates, tls: ssl.SSLContext, tmp_path: Path
) -> None:
    (tmp_path / "index.html").write_text("<h1>quotes</h1>")
    upgrade = b"GET /markets/ws/ HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

    async def scene(edge: Edge) -> None:
        reader, writer = await asyncio.open_connection("localhost", edge.port, ssl=tls)
        writer.write(upgrade)
        assert b" 400 " in await reader.readline()
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert b"<h1>quotes</h1>" in await reader.read()
        writer.close()

    play(scene, certificates, web_folder=tmp_path)


def test_pings_are_answered(certificates: Certificates, tls: ssl.SSLContext) -> None:
    async def scene(edge: Edge) -> None:
        async with websocket(edge, tls) as socket:
            assert await (await socket.ping()) >= 0

    play(scene, certificates)


def test_the_query_and_the_headers_that_matter_are_passed_on(certificates: Certificates, tls: ssl.SSLContext) -> None:
    upstream = Upstream(echo)

    async def scene(edge: Edge) -> None:
        async with websocket(
            edge,
            tls,
            "/markets/ws/?token=a%2Fb&x=1",
            origin="https://example.com",
            user_agent_header="watcher/1",
            subprotocols=[Subprotocol("other"), Subprotocol("cad.v1")],
            additional_headers={"X-Forwarded-For": "192.0.2.7"},
        ) as socket:
            assert socket.subprotocol == "cad.v1"
        assert upstream.request is not None
        assert upstream.request.rel_url.raw_query_string == "token=a%2Fb&x=1"
        headers = upstream.request.headers
        assert headers[VISITOR_ORIGIN] == "https://example.com"
        assert "Origin" not in headers  # the emulator answers nothing that carries one
        assert headers["User-Agent"] == "watcher/1"
        assert headers["X-Forwarded-For"].startswith("192.0.2.7, ")

    play(scene, certificates, upstream)


async def close_of(socket: ClientConnection) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as closed:
        await socket.recv()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


def test_frames_sent_before_a_close_arrive_before_it(certificates: Certificates, tls: ssl.SSLContext) -> None:
    async def say_and_close(socket: web.WebSocketResponse) -> None:
        for number in range(100):
            await socket.send_str(f"{number}" * 1000)
        await socket.close(code=4001, message=b"two hours are over")

    async def scene(edge: Edge) -> None:
        async with websocket(edge, tls) as socket:
            assert [await socket.recv() for _ in range(100)] == [f"{number}" * 1000 for number in range(100)]
            assert await close_of(socket) == (4001, "two hours are over")

    play(scene, certificates, Upstream(say_and_close))


def test_the_clients_close_reaches_the_feed(certificates: Certificates, tls: ssl.SSLContext) -> None:
    upstream = Upstream(echo)

    async def scene(edge: Edge) -> None:
        async with websocket(edge, tls) as socket:
            await socket.close(4000, "enough")
            assert socket.close_code == 4000
        await upstream.ended.wait()
        assert upstream.close_code == 4000

    play(scene, certificates, upstream)


def test_a_client_that_is_cut_leaves_the_feed_at_once(certificates: Certificates, tls: ssl.SSLContext) -> None:
    upstream = Upstream(echo)

    async def scene(edge: Edge) -> None:
        async with websocket(edge, tls) as socket:
            await socket.send("hello")
            await socket.recv()
            socket.transport.abort()
            await upstream.ended.wait()

    play(scene, certificates, upstream)


def test_a_cut_client_leaves_a_feed_that_does_not_read(certificates: Certificates, tls: ssl.SSLContext) -> None:
    stuck, over = asyncio.Event(), asyncio.Event()

    async def never_read(socket: web.WebSocketResponse) -> None:
        assert socket.get_extra_info("peername")
        stuck.set()
        await over.wait()
        async for _ in socket:
            pass

    upstream = Upstream(never_read)

    async def scene(edge: Edge) -> None:
        async with websocket(edge, tls) as socket:
            await stuck.wait()

            async def flood() -> None:
                for _ in range(3000):
                    await asyncio.wait_for(socket.send("x" * MAX_FRAME_BYTES), 0.3)

            # The sender is held back once every buffer on the way is full: that is the back-pressure.
            with pytest.raises(TimeoutError):
                await flood()
            socket.transport.abort()
            over.set()
            await upstream.ended.wait()

    play(scene, certificates, upstream)


def test_a_feed_that_is_cut_closes_the_client_as_a_bad_gateway(certificates: Certificates, tls: ssl.SSLContext) -> None:
    requests: list[Upstream] = []

    async def cut(_: web.WebSocketResponse) -> None:
        request = requests[0].request
        assert request is not None
        assert request.transport is not None
        request.transport.abort()

    async def scene(edge: Edge) -> None:
        async with websocket(edge, tls) as socket:
            assert (await close_of(socket))[0] == 1014

    requests.append(Upstream(cut))
    play(scene, certificates, requests[0])


@pytest.mark.parametrize(("status", "answered"), [(403, 403), (410, 410), (503, 503), (200, 502)])
def test_the_feeds_refusal_is_the_answer_to_the_upgrade(
    certificates: Certificates, tls: ssl.SSLContext, status: int, answered: int
) -> None:
    async def scene(edge: Edge) -> None:
        with pytest.raises(InvalidStatus) as refused:
            await websocket(edge, tls)
        assert refused.value.response.status_code == answered
        assert str(status).encode() in bytes(refused.value.response.body or b"")

    play(scene, certificates, Upstream(echo, status=status))


def test_no_feed_at_all_is_a_bad_gateway(certificates: Certificates, tls: ssl.SSLContext, tmp_path: Path) -> None:
    async def run() -> None:
        gone = await asyncio.start_server(lambda _, __: None, "127.0.0.1", 0)
        port = gone.sockets[0].getsockname()[1]
        gone.close()
        await gone.wait_closed()
        edge = await start_edge(certificates, f"ws://127.0.0.1:{port}/", 0, tmp_path)
        try:
            with pytest.raises(InvalidStatus) as refused:
                await websocket(edge, tls)
            assert refused.value.response.status_code == 502
        finally:
            await edge.stop()

    asyncio.run(run())


def test_stopping_the_edge_tells_its_clients(certificates: Certificates, tls: ssl.SSLContext) -> None:
    async def scene(edge: Edge) -> None:
        async with websocket(edge, tls) as socket:
            await socket.send("hello")
            await socket.recv()
            stopping = asyncio.create_task(edge.stop())
            assert (await close_of(socket))[0] == 1001
            await stopping

    play(scene, certificates)


def test_an_older_tls_is_refused(certificates: Certificates) -> None:
    async def scene(edge: Edge) -> None:
        old = ssl.create_default_context(cafile=str(certificates.ca_pem))
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("localhost", edge.port, ssl=old)

    play(scene, certificates)


@pytest.mark.parametrize(
    "target",
    [
        *(
            "/../secret.txt",
            "/assets/../../secret.txt",
            "/%2e%2e/secret.txt",
            "/..%2fsecret.txt",
            "/%252e%252e/secret.txt",
        ),
        *(
            "/..%5csecret.txt",
            "//secret.txt",
            "/linked.txt",
            "/linked/secret.txt",
            "{secret}",
            "/{secret}",
            "/%00secret.txt",
        ),
    ],
)
def test_no_address_leads_out_of_the_pages_folder(
    certificates: Certificates, tls: ssl.SSLContext, tmp_path: Path, target: str
) -> None:
    """As it is sent; a client would put most of them right."""
    secret, folder = tmp_path / "secret.txt", tmp_path / "dist"
    secret.write_text("the secret")
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("the page")
    (folder / "linked.txt").symlink_to(secret)
    (folder / "linked").symlink_to(tmp_path)

    async def scene(edge: Edge) -> None:
        reader, writer = await asyncio.open_connection("localhost", edge.port, ssl=tls)
        path = target.format(secret=secret)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        assert re.match(rb"HTTP/1\.\d (400|403|404) ", answer), answer
        assert b"the secret" not in answer

    play(scene, certificates, web_folder=folder)


def test_pages_come_with_headers_that_allow_only_their_own_parts(
    certificates: Certificates, tls: ssl.SSLContext, tmp_path: Path
) -> None:
    (tmp_path / "index.html").write_text("<h1>quotes</h1>")
    (tmp_path / "embed.html").write_text("<h1>the widget</h1>")
    (tmp_path / "embed.fr.html").write_text("<h1>le widget</h1>")
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "index-B0ley9Ao.js").write_text("'use strict'")

    async def scene(edge: Edge) -> None:
        base = f"https://localhost:{edge.port}"
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as session:
            for path, status, kind, kept in (
                ("/", 200, "text/html", "no-cache"),
                ("/assets/index-B0ley9Ao.js", 200, "javascript", "public, max-age=31536000, immutable"),
                ("/none", 404, "", "no-cache"),
                (f"/{'a' * 3_000}", 404, "", "no-cache"),
                ("/assets/index-of-yesterday.js", 404, "", "no-cache"),
            ):
                async with session.get(base + path) as response:
                    assert (response.status, kind in response.content_type) == (status, True)
                    policy = response.headers["Content-Security-Policy"]
                    assert policy == content_security_policy(f"localhost:{edge.port}")
                    assert f"connect-src 'self' wss://localhost:{edge.port};" in policy
                    assert HEADERS.items() <= dict(response.headers).items()
                    assert "Strict-Transport-Security" not in response.headers
                    assert response.headers["Cache-Control"] == kept
            for path, language, text in (
                ("/embed?symbols=BTC_CAD", "en", "the widget"),
                ("/embed.html", "fr", "the widget"),
                ("/embed", "fr-CA,fr;q=0.9,en;q=0.8", "le widget"),
                ("/embed?lang=fr", "en", "le widget"),
            ):
                async with session.get(base + path, headers={"Accept-Language": language}) as response:
                    assert (response.status, await response.text()) == (200, f"<h1>{text}</h1>")
                    assert response.headers["Content-Security-Policy"] == WIDGET_POLICY
                    assert WIDGET_HEADERS.items() <= dict(response.headers).items()
                    assert "X-Frame-Options" not in response.headers
            async with session.get(f"{base}/markets/ws") as response:
                assert response.status == 426
                assert "wss://" in await response.text()

    play(scene, certificates, web_folder=tmp_path)


@pytest.mark.parametrize(("asked", "encoding"), [({}, "gzip"), ({"Range": "bytes=0-"}, None)])
def test_files_are_compressed_unless_a_part_is_asked_for(
    certificates: Certificates, tls: ssl.SSLContext, tmp_path: Path, asked: dict[str, str], encoding: str | None
) -> None:
    script = "const quotes = [];\n" * 500
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "index-B0ley9Ao.js").write_text(script)

    async def scene(edge: Edge) -> None:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as session:
            url = f"https://localhost:{edge.port}/assets/index-B0ley9Ao.js"
            async with session.get(url, headers={"Accept-Encoding": "gzip"} | asked) as response:
                assert response.headers.get("Content-Encoding") == encoding
                assert "immutable" in response.headers["Cache-Control"]
                assert await response.text() == script

    play(scene, certificates, web_folder=tmp_path)


def test_a_port_that_is_taken_is_an_error(certificates: Certificates, tmp_path: Path) -> None:
    async def scene(edge: Edge) -> None:
        with pytest.raises(OSError, match="address already in use"):
            await start_edge(certificates, "ws://127.0.0.1:1/", edge.port, tmp_path)

    play(scene, certificates)


@pytest.mark.parametrize("name", ["index.html", "fr.html", "embed.html", "embed.fr.html"])
def test_pages_need_nothing_that_their_policies_forbid(
    certificates: Certificates, tls: ssl.SSLContext, name: str
) -> None:
    folder = Path(__file__).resolve().parents[3] / "web" / "dist"
    written = (folder / name).read_text(encoding="utf-8")
    page = re.sub(r"<a [^>]*>", "<a>", written)  # a link loads nothing
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|https?://", page)

    async def scene(edge: Edge) -> None:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as session:
            parts = re.findall(r'(?:src|href)="([^"]+)"', page)
            assert {".js", ".css", ".svg"} <= {Path(part).suffix for part in parts}
            for part in parts:
                async with session.get(f"https://localhost:{edge.port}{part}") as response:
                    assert response.status == 200
                    assert ("immutable" in response.headers["Cache-Control"]) == part.startswith("/assets/")

    play(scene, certificates, web_folder=folder)
