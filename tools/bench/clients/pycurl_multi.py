"""Candidate: libcurl's multi interface (pycurl), waiting with its own `select`."""

from collections.abc import Iterator
from typing import Any

import pycurl

from tools.bench.clients import Post
from tools.bench.clients.signed import Signed
from tools.bench.workload import FRAME

LONGEST_WAIT_S = 1.0


def make(url: str, ca: str, in_flight: int) -> Post:
    signed = Signed(url)
    multi = pycurl.CurlMulti()
    multi.setopt(pycurl.M_MAXCONNECTS, in_flight)
    idle = [_handle(ca) for _ in range(in_flight)]

    def begin(ids: Iterator[str]) -> None:
        while idle and (connection_id := next(ids, None)):
            handle = idle.pop()
            address, headers = signed.post(connection_id)
            handle.setopt(pycurl.URL, address)
            handle.setopt(pycurl.HTTPHEADER, [*map(": ".join, headers.items()), "Accept:"])
            multi.add_handle(handle)

    def post(ids: Iterator[str]) -> int:
        delivered = 0
        begin(ids)
        while len(idle) < in_flight:
            multi.perform()
            _, ended, failed = multi.info_read()
            for handle in [*ended, *(failure[0] for failure in failed)]:
                delivered += handle.getinfo(pycurl.RESPONSE_CODE) == 200
                multi.remove_handle(handle)
                idle.append(handle)
            begin(ids)
            if not ended and not failed:
                multi.select(LONGEST_WAIT_S)
        return delivered

    return post


def _handle(ca: str) -> Any:
    handle = pycurl.Curl()
    for option, value in (
        (pycurl.CAINFO, ca),
        (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
        (pycurl.NOSIGNAL, 1),
        (pycurl.PATH_AS_IS, 1),
        (pycurl.POSTFIELDS, FRAME),
        (pycurl.PROXY, ""),
        (pycurl.WRITEFUNCTION, len),
    ):
        handle.setopt(option, value)
    return handle
