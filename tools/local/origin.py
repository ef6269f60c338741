"""What the edge adds to a handshake, as CloudFront does on AWS: the origin secret, the viewer and the host."""

import asyncio
import time
from collections.abc import Mapping

import boto3
from aiohttp import web

from shared.connecting import headers
from shared.connecting.secret_pair import CURRENT
from tools.local.aws import client_options
from tools.stored_pair import stored_pair

READ_EVERY_S = 5


class OriginSecret:
    """The secret in the emulator's Secrets Manager, read again after some seconds: it may be rotated meanwhile. Without
    a `name` there is none."""

    def __init__(self, endpoint: str, name: str) -> None:
        self._endpoint = endpoint
        self._name = name
        self._text = ""
        self._read_s = -float(READ_EVERY_S)

    async def added_to(self, request: web.Request) -> Mapping[str, str]:
        """Return the headers for the handshake that a client's `request` begins."""
        if not self._name:
            return {}
        if time.monotonic() - self._read_s >= READ_EVERY_S:
            self._text = await asyncio.to_thread(self._read)
            self._read_s = time.monotonic()
        return {headers.PROOF: self._text, headers.VIEWER: request.remote or "", headers.HOST: request.host}

    def _read(self) -> str:
        # A session of its own: this runs in a thread, and boto3's default one is not safe there.
        manager = boto3.Session().client("secretsmanager", **client_options(self._endpoint))
        return stored_pair(manager, self._name)[CURRENT]
