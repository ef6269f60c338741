"""Signatures, addresses and paths are botocore's own for the same request, clock and credentials."""

import datetime as dt
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from hypothesis import example, given
from hypothesis import strategies as st

from shared.gateway.endpoint import endpoint
from shared.gateway.signer import Signer, quoted

REGION = "ca-central-1"
KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
ADDRESSES = [
    "https://a1b2c3d4e5.execute-api.ca-central-1.amazonaws.com/live",
    "https://a1b2c3d4e5.execute-api.ca-central-1.amazonaws.com/live/",
    "https://ws.example.com/feed",
    "https://ws.example.com/feed/v2",
    "https://WS.Example.com/feed",
    "https://ws.example.com",
    "https://ws.example.com:8443/feed",
    "https://ws.example.com:443/feed",
    "http://127.0.0.1:8000/live",
    "http://localhost:80/live",
]
IDS = st.text("abcXYZ0189=/+-_~%@ ", min_size=1, max_size=24)
CLOCK = st.integers(1_700_000_000, 2_000_000_000)


def signer(url: str, token: str | None = None) -> Signer:
    return Signer(endpoint(url), REGION, KEY, SECRET, token)


def parsed(request: bytes) -> tuple[str, dict[str, str], bytes]:
    """Return path, headers and body of a request on the wire."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    method, path, version = first.split(" ")
    assert (method, version) == ("POST", "HTTP/1.1")
    return path, dict(line.split(": ", 1) for line in lines), body


def on_the_wire(url: str, token: str | None, connection_id: str, frame: bytes) -> AWSRequest:
    """Return the request as boto3's client sends it."""
    client = boto3.client(
        "apigatewaymanagementapi", endpoint_url=url, region_name=REGION, aws_access_key_id=KEY,
        aws_secret_access_key=SECRET, aws_session_token=token, config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip
    sent: list[Any] = []

    def keep(request: Any, **_: object) -> None:
        sent.append(request)
        raise InterruptedError

    client.meta.events.register("before-send.apigatewaymanagementapi.PostToConnection", keep)
    with pytest.raises(InterruptedError):
        client.post_to_connection(ConnectionId=connection_id, Data=frame)
    request: AWSRequest = sent[0]
    return request


def by_botocore(request: AWSRequest, second: int, token: str | None) -> dict[str, str]:
    """Return botocore's signing headers for a request at that time."""
    at = dt.datetime.fromtimestamp(second, dt.UTC)
    with (
        mock.patch("botocore.auth.get_current_datetime", return_value=at),
        mock.patch("botocore.compat.get_current_datetime", return_value=at),
    ):
        SigV4Auth(Credentials(KEY, SECRET, token), "execute-api", REGION).add_auth(request)
    return dict(request.headers.items())


@given(
    url=st.sampled_from(ADDRESSES),
    connection_id=IDS,
    token=st.none() | st.text("abcXYZ019+/=", min_size=1, max_size=1_200),
    frame=st.binary(max_size=200),
    second=CLOCK,
)
@example(ADDRESSES[0], "L0SM9cOFvHcCIhw=", "FwoGZXIvYXdzE/+=", b"{}", 1_782_000_000)
@example(ADDRESSES[2], "a/b+c=", None, b"{}", 1_782_000_000)
def test_a_signature_equals_botocores(
    url: str, connection_id: str, token: str | None, frame: bytes, second: int
) -> None:
    path, ours, body = parsed(signer(url, token).request(quoted(connection_id), frame, second + 0.7))
    host = ours.pop("Host")
    assert (ours.pop("Content-Type"), ours.pop("Content-Length")) == ("application/octet-stream", str(len(frame)))
    request = AWSRequest("POST", f"{urlsplit(url).scheme}://{host}{path}", data=frame)
    assert ours == by_botocore(request, second, token)
    assert body == frame


@pytest.mark.parametrize("url", ADDRESSES)
@pytest.mark.parametrize("connection_id", ["L0SM9cOFvHcCIhw=", "a/b+c=", "a%3Db", "a~b-c_d"])
@pytest.mark.parametrize("token", [None, "FwoGZXIvYXdzE/+="])
def test_a_post_is_addressed_and_signed_as_boto3_sends_it(url: str, connection_id: str, token: str | None) -> None:
    sent = on_the_wire(url, token, connection_id, b"{}")
    path, headers, _ = parsed(signer(url, token).request(quoted(connection_id), b"{}", 1_782_000_000))
    theirs = urlsplit(sent.url)
    assert (headers["Host"].partition(":")[0], path) == (theirs.hostname, theirs.path)
    # boto3 signs more headers; with only the required ones its signature equals ours
    bare = AWSRequest("POST", sent.url, data=b"{}")
    for name, value in by_botocore(bare, 1_782_000_000, token).items():
        assert headers[name] == value


def test_time_and_frame_change_the_signature() -> None:
    """A signer that has signed before signs like a new one."""
    seen, once = signer(ADDRESSES[0]), signer(ADDRESSES[0])
    signatures = {
        seen.authorization("a", frame, second)
        for frame in (b"1", b"2")
        for second in (1_782_000_000, 1_782_000_001, 1_782_000_000 + 86_400)
    }
    assert len(signatures) == 6
    assert once.authorization("a", b"1", 1_782_000_000) == seen.authorization("a", b"1", 1_782_000_000)


def test_any_number_of_distinct_frames_takes_bounded_memory() -> None:
    signs = signer(ADDRESSES[0])
    for number in range(10_000):
        signs.authorization("a", b"%d" % number, 1_782_000_000)
        assert signs._hash.cache_info().currsize <= 4_096


@pytest.mark.parametrize("url", ["wss://ws.example.com/feed", "ws.example.com", "https:///live", ""])
def test_an_address_that_is_not_of_connections_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not the address"):
        endpoint(url)
