"""An answer ends where h11, an implementation of HTTP/1.1, says; in doubt the connection is not reused."""

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.gateway.responses import LONGEST_BYTES, BadResponse, HttpResponse, read_response, status_of

OK = b"HTTP/1.1 200 OK\r\n"
GONE = b"HTTP/1.1 410 Gone\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n{}"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0a\r\n0123456789\r\n0\r\n\r\n"

statuses = st.sampled_from([200, 201, 204, 304, 400, 403, 410, 413, 429, 500, 503, 599])
bodies = st.binary(max_size=40)
spaces = st.sampled_from(["", " ", "  ", "\t"])
fields = st.sampled_from(
    ["Date: Sun, 01 Jan 2023", "x-amzn-RequestId: 0b6a1f2e", "X-Content-Length: 7", "Connection: keep-alive",
     "connection: close", "Connection: Keep-Alive, x", "Via: 1.1 a, Transfer-Encoding: b", "Content-Type: a\x01"],
)  # fmt: skip


def read(received: bytes) -> HttpResponse | str | None:
    try:
        return read_response(received)
    except BadResponse as error:
        return str(error)


def by_h11(received: bytes) -> tuple[int, bool] | None:
    """Return the status and whether h11 would reuse the connection; None while the answer is incomplete."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="POST", target="/", headers=[("Host", "a"), ("Content-Length", "0")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(received)
    status = 0
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Response):
            status = event.status_code
        if isinstance(event, h11.EndOfMessage):
            reusable = connection.their_state is h11.DONE and not connection.trailing_data[0]
            return status, reusable
        if event is h11.NEED_DATA or event is h11.PAUSED:
            return None


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """Draw answers as services send them, and invalid ones."""
    body = draw(bodies)
    lines = [f"HTTP/1.1 {draw(statuses)} Some reason", *draw(st.lists(fields, max_size=4))]
    framing = draw(st.sampled_from(["length", "length", "chunked", "none", "both", "twice"]))
    length = f"Content-Length:{draw(spaces)}{len(body)}{draw(spaces)}"
    chunked = f"Transfer-Encoding:{draw(spaces)}chunked"
    lines += {"length": [length], "chunked": [chunked], "none": [], "both": [length, chunked], "twice": [length] * 2}[
        framing
    ]
    if framing in {"chunked", "both"}:
        parts = draw(st.lists(st.binary(min_size=1, max_size=20), max_size=4))
        body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    interim = draw(st.sampled_from([b"", b"", b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"]))
    return interim + "\r\n".join([*lines, "", ""]).encode() + body


@pytest.mark.parametrize(
    "whole", [OK + b"Content-Length: 0\r\n\r\n", GONE, CHUNKED, b"HTTP/1.1 100 Continue\r\n\r\n" + GONE]
)
def test_an_answer_is_complete_with_its_last_byte(whole: bytes) -> None:
    status = by_h11(whole)
    assert status
    assert read_response(whole) == (status[0], True)
    assert {read_response(whole[:end]) for end in range(len(whole))} == {None}
    assert read_response(whole + b"H") == (status[0], False)


@given(answers(), st.binary(max_size=5))
@example(b"HTTP/1.1 204 No Content\r\nContent-Length: 1\r\n\r\n", b"{")
@example(OK + b"Content-Length: 0\r\nX: a\nTransfer-Encoding: chunked\r\n\r\n", b"")
def test_a_connection_is_used_again_only_where_h11_would_use_it(whole: bytes, more: bytes) -> None:
    for received in (whole, whole + more, whole[:-1]):
        ours = read(received)
        if isinstance(ours, HttpResponse) and ours.reusable:
            assert by_h11(received) == ours


@given(
    statuses.filter(lambda status: status not in {204, 304}),
    st.lists(fields.filter(lambda line: "onnection" not in line), max_size=4),
    bodies,
)
def test_an_answer_of_the_service_keeps_its_connection(status: int, lines: list[str], body: bytes) -> None:
    head = [f"HTTP/1.1 {status} Reason", *lines, f"Content-Length: {len(body)}", "Connection: keep-alive"]
    assert read_response("\r\n".join([*head, "", ""]).encode() + body) == (status, True)


@given(
    st.binary(max_size=200) | st.binary(max_size=60).map(lambda end: OK + end) | answers().map(lambda all_: all_[3:])
)
def test_any_bytes_are_an_answer_no_answer_or_incomplete(received: bytes) -> None:
    read(received)
    assert status_of(received) in {0, *range(100, 1_000)}


@pytest.mark.parametrize(
    "head",
    [
        "HTTP/1.0 200 OK\r\nContent-Length: 0",
        "HTTP/1.1 200 OK",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\nConnection: close",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0",
        "HTTP/1.1 200 OK\r\nContent-Length: -1",
        "HTTP/1.1 200 OK\r\nContent-Length: 0x0",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\nX: y",
        "HTTP/1.1 204 No Content",
    ],
)  # fmt: skip
def test_an_unusual_answer_costs_the_connection_not_the_status(head: str) -> None:
    answer = read_response(head.encode() + b"\r\n\r\n")
    assert answer == (int(head[9:12]), False)


@pytest.mark.parametrize(
    "end", [b"5;name=value\r\nhello\r\n0\r\n\r\n", b"0\r\nTrailer: x\r\n\r\n", b"5\r\nhello, you\r\n", b"no\r\n"]
)
def test_chunks_of_the_rarer_kinds_cost_the_connection(end: bytes) -> None:
    assert read_response(OK + b"Transfer-Encoding: chunked\r\n\r\n" + end) == (200, False)


@pytest.mark.parametrize(
    "received",
    [b"SSH-2.0-OpenSSH", b"HTTP/2 200 OK\r\n\r\n", b"HTTP/1.1 20 OK\r\n", b"\r\n", b"HTTP/1.1  200 OK\r\n", b"no\n",
     OK + b"x" * LONGEST_BYTES],
)  # fmt: skip
def test_bytes_that_are_not_an_answer_are_an_error(received: bytes) -> None:
    with pytest.raises(BadResponse):
        read_response(received)


def test_a_thousand_interim_answers_are_passed_over() -> None:
    assert read_response(b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000 + GONE) == (410, True)


@pytest.mark.parametrize(
    ("received", "status"),
    [
        (GONE[:-1], 410),
        (GONE[:19], 410),
        (GONE[:18], 0),
        (b"", 0),
        (b"HTTP/1.1 100 Continue\r\n\r\n", 0),
        (b"nonsense\r\n", 0),
    ],
)
def test_the_status_line_of_a_cut_answer_is_enough(received: bytes, status: int) -> None:
    assert status_of(received) == status
