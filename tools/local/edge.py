"""The local stack's TLS edge: the dashboard, the feed's WebSocket and its documents on one port, as CloudFront has them
on AWS."""

import asyncio
import errno
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from infra.feed_paths import FEED_PATHS
from infra.languages import FIELD, FILES, file_at
from infra.security_headers import FOR_EVER, HASHED, REVALIDATED, headers_of
from shared.documents.paths import PATTERNS
from tools.local.certificates import Certificates, server_context
from tools.local.documents import DocumentResponse, Documents
from tools.local.metrics import CONTENT_TYPE
from tools.local.relay import CLOSE_TIMEOUT_S, Added, Relays

HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}")


async def _nothing(_: web.Request) -> Mapping[str, str]:
    return {}


class Edge:
    """A running edge. `port` is the one it listens on, also when any free one was asked for."""

    def __init__(self, runner: web.AppRunner, relays: Relays, documents: Documents, port: int) -> None:
        self._runner = runner
        self._relays = relays
        self._documents = documents
        self.port = port

    async def stop(self) -> None:
        """Close every connection with 1001 (going away) and free the port."""
        for site in list(self._runner.sites):
            await site.stop()
        # Before the runner's own clean-up, in which aiohttp no longer reads and so would miss the clients' answers.
        await self._relays.stop()
        await self._documents.stop()
        await self._runner.cleanup()


async def start_edge(
    certificates: Certificates,
    upstream_url: str,
    port: int,
    web_folder: Path,
    added: Added = _nothing,
    metrics: Callable[[], str] | None = None,
    documents_url: str = "",
) -> Edge:
    """Serve `web_folder` and, at the feed's paths, the WebSocket at `upstream_url`, on 127.0.0.1 and ::1.

    `added` returns the headers to add to a client's handshake. `metrics` gives the text of /metrics; it may block.
    `documents_url`: the address of the documents' API; empty if the feed serves none.

    Port 0 takes a free one.

    Raises:
        OSError: the port is taken.
    """
    relays = Relays(upstream_url, added)
    app = web.Application(middlewares=[_compress, _not_found])
    app.on_response_prepare.append(_harden)
    for path in FEED_PATHS:
        app.router.add_get(path, relays.handle, allow_head=False)

    documents = Documents(documents_url)
    for pattern in PATTERNS if documents_url else ():
        app.router.add_route("*", pattern.replace("*", "{name:.*}"), documents.handle)

    for path in FILES:
        app.router.add_get(path, _page_in(web_folder))
    if metrics:
        app.router.add_get("/metrics", _metrics_of(metrics))
    app.router.add_static("/", web_folder)

    # With handler_cancellation a client that is cut ends its relay at once, even while that waits to send.
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=CLOSE_TIMEOUT_S)
    await runner.setup()
    try:
        context = server_context(certificates)
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
        bound: int = runner.addresses[0][1]
        try:
            await web.TCPSite(runner, "::1", bound, ssl_context=context).start()
        except OSError as error:
            # No IPv6 here is fine. Another program on the same port there is not: `localhost` may mean that one.
            if error.errno == errno.EADDRINUSE and port:
                raise
    except BaseException:
        await runner.cleanup()
        raise
    return Edge(runner, relays, documents, bound)


def _page_in(folder: Path) -> Handler:
    """The page or the widget, in the reader's language."""

    async def answer(request: web.Request) -> web.StreamResponse:
        asked = request.query.get(FIELD) or request.cookies.get(FIELD, "")
        name = file_at(request.path, asked, request.headers.get("Accept-Language", ""))
        return web.FileResponse(folder / str(name).strip("/"))

    return answer


def _metrics_of(metrics: Callable[[], str]) -> Handler:
    """Ask for the metrics in a thread, one request after the other."""
    one_at_a_time = asyncio.Lock()

    async def answer(_: web.Request) -> web.StreamResponse:
        async with one_at_a_time:
            text = await asyncio.to_thread(metrics)
        return web.Response(body=text.encode(), headers={"Content-Type": CONTENT_TYPE})

    return answer


@web.middleware
async def _compress(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Compress as CloudFront does, for clients that accept it. A part of a file is sent unchanged."""
    response = await handler(request)
    if isinstance(response, web.FileResponse) and "Range" not in request.headers:
        response.enable_compression()
    return response


@web.middleware
async def _not_found(request: web.Request, handler: Handler) -> web.StreamResponse:
    """No file has a name that is too long for the file system."""
    try:
        return await handler(request)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise web.HTTPNotFound from None
        raise


async def _harden(request: web.Request, response: web.StreamResponse) -> None:
    if response.status == 101 or isinstance(response, DocumentResponse):
        return
    host = request.host if HOST.fullmatch(request.host) else ""
    response.headers.update(headers_of(request.path, host))
    is_hashed = request.path.startswith(HASHED) and response.status in {200, 206, 304}
    response.headers["Cache-Control"] = FOR_EVER if is_hashed else REVALIDATED
