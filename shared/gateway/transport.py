"""Many posts in flight at once: libcurl's multi interface, driven by its sockets and by nothing else.

https://curl.se/libcurl/c/libcurl-multi.html

What libcurl does by itself: it keeps connections alive between posts and batches, does not use one that it finds
closed, and sends a post again, over a new connection, when a kept one turns out to be dead before a byte of the answer.
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Generic, TypeVar

import pycurl

from shared.gateway.sockets import READABLE, WRITABLE, sockets

# Older ones may have been forgotten on the way by whatever keeps track of them, without a word.
MAX_IDLE_S = 30
# Without the post-quantum one, which costs a fifth of a handshake: what is on the wire is public or expires in hours.
KEY_EXCHANGES = "X25519:P-256:P-384"

Tag = TypeVar("Tag")


class Transport(Generic[Tag]):
    """Posts under way, each with the caller's tag. Not for several threads at once."""

    def __init__(self, ca_file: str, connections: int, timeout_s: float) -> None:
        self._ca_file = ca_file
        self._timeout_ms = round(timeout_s * 1000)
        self._sockets = sockets()
        self._watched: set[int] = set()
        self._resting: set[int] = set()
        self._added = False
        self.idle_s = 0.0  # spent waiting, since the start
        self._idle: list[Any] = []  # easy handles; connections are kept apart from them, by the multi handle
        self._busy: dict[Any, Tag] = {}
        self._multi: Any = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_MAXCONNECTS, connections)

    def __len__(self) -> int:
        """Posts under way."""
        return len(self._busy)

    def begin(self, tag: Tag, url: str, headers: list[str], frame: bytes, *, fresh: bool = False) -> None:
        """Start a post; `fresh`: over a new connection."""
        easy = self._idle.pop() if self._idle else self._easy()
        easy.setopt(pycurl.URL, url)
        easy.setopt(pycurl.HTTPHEADER, [*headers, "Content-Type: application/octet-stream", "Accept:"])
        easy.setopt(pycurl.POSTFIELDS, frame)
        easy.setopt(pycurl.FRESH_CONNECT, fresh)
        self._multi.add_handle(easy)
        self._added = True
        self._busy[easy] = tag

    def step(self, wait_s: float) -> Iterator[tuple[Tag, int, int, str]]:
        """Wait for something to happen, that long at most, then tell what has ended.

        Yields the tag, the HTTP status or 0 when there was none, and libcurl's code and words for what went wrong, 0
        and nothing when all was well.
        """
        act = self._multi.socket_action
        if self._added:
            self._added = False
            act(pycurl.SOCKET_TIMEOUT, 0)  # begins what was added
        # Asked once a step: told of each change by a callback, Python would be called three times for a post.
        due_ms = self._multi.timeout()
        now_s = time.monotonic()
        if due_ms >= 0:
            wait_s = min(wait_s, due_ms / 1000)
        ready = self._sockets.poll(max(0.0, wait_s))
        self.idle_s += time.monotonic() - now_s
        for descriptor, events in ready:
            if descriptor in self._resting:  # closed by the other side; libcurl finds out before it uses it again
                self._rest(descriptor)
                continue
            readable = pycurl.CSELECT_IN if events & ~WRITABLE else 0
            act(descriptor, readable | (pycurl.CSELECT_OUT if events & WRITABLE else 0))
        if 0 <= due_ms <= (time.monotonic() - now_s) * 1000:
            act(pycurl.SOCKET_TIMEOUT, 0)  # after the sockets: an answer that has come is not too late
        waiting = 1
        while waiting:
            waiting, ended, broken = self._multi.info_read()
            for easy in ended:
                yield self._release(easy), easy.getinfo(pycurl.RESPONSE_CODE), 0, ""
            for easy, code, words in broken:
                # libcurl forgets the status when the handle is used again, not before
                yield self._release(easy), easy.getinfo(pycurl.RESPONSE_CODE), code, words

    def abandon(self) -> list[Tag]:
        """Give up all that is under way, and the connections that it is on."""
        tags = list(self._busy.values())
        for easy in list(self._busy):
            self._release(easy)
        return tags

    def _rest(self, descriptor: int) -> None:
        self._watched.discard(descriptor)
        with suppress(OSError, KeyError):
            self._sockets.unregister(descriptor)

    def _release(self, easy: Any) -> Tag:
        self._multi.remove_handle(easy)
        self._idle.append(easy)
        return self._busy.pop(easy)

    def _easy(self) -> Any:
        easy = pycurl.Curl()
        for option, value in (
            (pycurl.CAINFO, self._ca_file),  # checked for https: VERIFYPEER and VERIFYHOST are on unless told
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
            (pycurl.MAXAGE_CONN, MAX_IDLE_S),
            (pycurl.NOSIGNAL, 1),
            (pycurl.PATH_AS_IS, 1),
            (pycurl.POST, 1),
            (pycurl.PROXY, ""),
            (pycurl.SSL_EC_CURVES, KEY_EXCHANGES),
            (pycurl.TCP_NODELAY, 1),
            (pycurl.TIMEOUT_MS, self._timeout_ms),  # connecting included
            (pycurl.WRITEFUNCTION, len),  # what an answer says beside its status is taken and dropped
        ):
            easy.setopt(option, value)
        return easy

    def _watch(self, what: int, descriptor: int, _multi: object, _data: object) -> None:
        """Called by libcurl: what it wants to know of a socket. https://curl.se/libcurl/c/CURLMOPT_SOCKETFUNCTION.html"""
        if what == pycurl.POLL_REMOVE:
            # Kept, it will be wanted again in a moment; closed, epoll forgets it by itself and poll says so once.
            self._resting.add(descriptor)
            return
        self._resting.discard(descriptor)
        events = (READABLE if what & pycurl.POLL_IN else 0) | (WRITABLE if what & pycurl.POLL_OUT else 0)
        if descriptor in self._watched:
            with suppress(FileNotFoundError):  # the number of one that was closed, used again
                self._sockets.modify(descriptor, events)
                return
        self._sockets.register(descriptor, events)
        self._watched.add(descriptor)
