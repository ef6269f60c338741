"""One polite GET: time limits, a largest size, exact numbers, and every failure as one error."""

import os
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import certifi
import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import ConnectionPool, HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.util.ssl_ import create_urllib3_context

from shared.model.wire import loads
from shared.sources.circuit import LONGEST_RETRY_AFTER_MS, LONGEST_UNLIMITED_MS, SourceUnavailable

USER_AGENT = "cadfeed/0.1"
CONNECT_TIMEOUT_S = 2.0
BANNED = {403, 418, 451}
LIMITED = {418, 429}
TOO_MANY_REQUESTS = 429

# The local stack's simulated exchange sends this header if its market is simulated or replayed.
MARKET_HEADER = "X-Cadfeed-Market"


@dataclass(frozen=True, slots=True)
class Answer:
    """A source's answer: the JSON with exact decimals, the time of reception, and whether the market is simulated."""

    payload: object
    received_ms: int
    simulated: bool


def new_session(headers: Mapping[str, str]) -> requests.Session:
    """A session that names the feed in each request, with these headers besides."""
    session = requests.Session()
    session.headers.update({"User-Agent": USER_AGENT, **headers})
    session.mount("https://", _OneTlsContext())
    return session


def connect(session: requests.Session, url: str, timeout_s: float) -> None:
    """Open a connection to the address's host for the session's next request.

    Raises:
        OSError: there is no connection in time.
        HTTPError: likewise.
    """
    adapter = session.get_adapter(url)
    if not isinstance(adapter, HTTPAdapter):
        return
    pool = adapter.get_connection_with_tls_context(session.prepare_request(requests.Request("GET", url)), verify=True)
    if not isinstance(pool, HTTPConnectionPool):
        return
    connection = pool._get_conn()
    try:
        connection.timeout = timeout_s
        connection.connect()
    except BaseException:
        connection.close()
        raise
    finally:
        pool._put_conn(connection)


@cache
def tls_context() -> ssl.SSLContext:
    """The TLS context of all sources. Reading the certificates takes longer than a handshake, so that is done once; by
    default each new connection does it."""
    context = create_urllib3_context()
    context.load_verify_locations(
        os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or certifi.where()
    )
    return context


class _Connection(HTTPSConnection):
    """A connection that may be opened before its first request.

    A server sends session tickets after the handshake (RFC 8446, 4.6.1). To urllib3 they look like the end of an unused
    connection.
    """

    @property
    def is_connected(self) -> bool:
        if super().is_connected or not isinstance(self.sock, ssl.SSLSocket):
            return super().is_connected
        timeout_s = self.sock.gettimeout()
        self.sock.settimeout(0)
        try:
            self.sock.recv(1)
        except ssl.SSLWantReadError:  # there were only tickets
            return True
        except OSError:
            return False
        finally:
            self.sock.settimeout(timeout_s)
        return False  # it ended, or said something without being asked


class _ConnectionPool(HTTPSConnectionPool):
    ConnectionCls = _Connection


class _OneTlsContext(HTTPAdapter):
    """Verifies every server by `tls_context`."""

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, **options, ssl_context=tls_context())
        self.poolmanager.pool_classes_by_scheme = {"https": _ConnectionPool}

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, verify: object, proxies: Any = None, cert: Any = None
    ) -> ConnectionPool:
        """The pool for a request. `verify` may name a file of certificates, which the context has already."""
        return super().get_connection_with_tls_context(request, verify is not False, proxies, cert)

    def cert_verify(self, *_: Any) -> None:
        """The context has the certificates."""


def get(
    session: requests.Session, url: str, params: Mapping[str, str], now_ms: int, timeout_s: float, max_body_bytes: int
) -> Answer:
    """The answer to one request, which is received at `now_ms` by the wall clock.

    `max_body_bytes` limits the answer's size, uncompressed, and so the memory: JSON takes many times its size.

    Raises:
        SourceUnavailable: no whole answer in time, an error status, no JSON, or too long.
    """
    end_s = time.monotonic() + timeout_s
    try:
        with session.get(
            url,
            params=params,
            timeout=(min(CONNECT_TIMEOUT_S, timeout_s), timeout_s),
            allow_redirects=False,
            stream=True,
        ) as response:
            body = b"".join(_body(response, end_s, max_body_bytes))
    except (requests.RequestException, HTTPError) as error:
        raise SourceUnavailable(f"{type(error).__name__}: no whole answer") from error
    well = response.ok and not response.is_redirect
    try:
        payload = loads(body)
    except (ValueError, RecursionError) as error:
        payload = None
        if well:
            raise SourceUnavailable("the answer is not JSON") from error
    if not well:
        raise SourceUnavailable(
            f"HTTP {response.status_code}",
            status=response.status_code,
            payload=payload,
            retry_after_ms=_retry_after_ms(response, now_ms),
            banned=response.status_code in BANNED,
            limited=response.status_code == TOO_MANY_REQUESTS,
        )
    return Answer(payload, now_ms, MARKET_HEADER in response.headers)


def _body(response: requests.Response, end_s: float, max_body_bytes: int) -> Iterator[bytes]:
    """The body in chunks. Checks its size and the total time, since `timeout` limits only each silence."""
    size = 0
    while chunk := response.raw.read1(65_536, decode_content=True):
        size += len(chunk)
        if size > max_body_bytes:
            raise SourceUnavailable(f"an answer of more than {max_body_bytes} bytes")
        yield chunk
        if time.monotonic() > end_s:
            raise SourceUnavailable("too slow: no whole answer")


def _retry_after_ms(response: requests.Response, now_ms: int) -> int | None:
    """`Retry-After` in milliseconds, in either form (RFC 9110, 10.2.3); `None` if it is missing or invalid."""
    value = response.headers.get("Retry-After", "").strip()
    try:
        seconds = int(value) if value.isdecimal() else parsedate_to_datetime(value).timestamp() - now_ms / 1000
    except (ValueError, OverflowError):
        return None
    longest_ms = LONGEST_RETRY_AFTER_MS if response.status_code in LIMITED else LONGEST_UNLIMITED_MS
    return min(max(0, int(seconds * 1000)), longest_ms)
