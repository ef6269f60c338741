"""Signature Version 4 for posts to connections. What all posts share is computed once.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import time
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from shared.gateway.endpoint import Endpoint

SERVICE = "execute-api"
ALGORITHM = "AWS4-HMAC-SHA256"
BLOCK_BYTES = 64
HASHES_KEPT = 4_096


class Signer:
    """Signs the posts of one batch, with one set of credentials and one address of `@connections`.

    A connection's ID is percent-encoded once on the wire and twice in the signed text; the `@` is encoded only in the
    signed text. botocore does the same, and API Gateway expects it.
    """

    def __init__(self, endpoint: "Endpoint", region: str, access_key: str, secret_key: str, token: str | None) -> None:
        self._host = endpoint.authority
        self._post = f"POST {endpoint.path}"
        self._canonical_post = f"POST\n{quote(endpoint.path)}"
        self._region = region
        self._access_key = access_key
        self._secret_key = secret_key
        self._token = token
        self._names = "host;x-amz-date;x-amz-security-token" if token else "host;x-amz-date"
        self._hash = lru_cache(HASHES_KEPT)(_hash)  # once for all connections that get the same bytes
        self._second: int | None = None
        self._day: str | None = None

    def request(self, quoted_id: str, frame: bytes, now_s: float) -> bytes:
        """The signed HTTP request that posts this frame. `now_s`: Unix seconds."""
        authorization = self.authorization(quoted_id, frame, now_s)
        head = f"{self._post}{quoted_id} HTTP/1.1\r\n{authorization}\r\n{self._fixed}{len(frame)}\r\n\r\n"
        return head.encode() + frame

    def authorization(self, quoted_id: str, frame: bytes, now_s: float) -> str:
        """The Authorization header of that request."""
        second = int(now_s)
        if second != self._second:
            self._sign_second(second)
        signed_id = quoted_id.replace("%", "%25")
        canonical = f"{self._canonical_post}{signed_id}{self._canonical_tail}{self._hash(frame)}"
        inner = self._inner.copy()
        inner.update(self._scope_head + hashlib.sha256(canonical.encode()).hexdigest().encode())
        outer = self._outer.copy()
        outer.update(inner.digest())
        return self._authorization + outer.hexdigest()

    def _sign_second(self, second: int) -> None:
        """Compute what changes every second, and once a day the key."""
        self._second = second
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
        day = stamp[:8]
        scope = f"{day}/{self._region}/{SERVICE}/aws4_request"
        if day != self._day:
            self._day = day
            self._derive(day)
        fixed = [f"Host: {self._host}", f"X-Amz-Date: {stamp}"]
        signed = f"host:{self._host}\nx-amz-date:{stamp}\n"
        if self._token:
            fixed.append(f"X-Amz-Security-Token: {self._token}")
            signed += f"x-amz-security-token:{self._token}\n"
        self._fixed = "\r\n".join([*fixed, "Content-Type: application/octet-stream", "Content-Length: "])
        self._canonical_tail = f"\n\n{signed}\n{self._names}\n"
        self._scope_head = f"{ALGORITHM}\n{stamp}\n{scope}\n".encode()
        self._authorization = (
            f"Authorization: {ALGORITHM} Credential={self._access_key}/{scope}, SignedHeaders={self._names}, Signature="
        )

    def _derive(self, day: str) -> None:
        """The day's key, as the initial inner and outer hash states of its HMAC (RFC 2104, section 4)."""
        key = b"AWS4" + self._secret_key.encode()
        for part in (day, self._region, SERVICE, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        block = key.ljust(BLOCK_BYTES, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))


def _hash(frame: bytes) -> str:
    return hashlib.sha256(frame).hexdigest()


def quoted(connection_id: str) -> str:
    """An ID, percent-encoded for a path. Most are letters and digits with a `=` at the end."""
    stem = connection_id.rstrip("=")
    if stem.isascii() and stem.isalnum():
        return connection_id.replace("=", "%3D")
    return quote(connection_id, safe="")
