"""Programs on this machine are told from what a web page makes a browser send."""

import pytest

from tools.browser_requests import refusal


@pytest.mark.parametrize(
    "host", ["127.0.0.1:4566", "127.0.0.1", "localhost:80", "LOCALHOST", "bucket.localhost:4566", "[::1]:4566"]
)
def test_a_program_on_this_machine_is_answered(host: str) -> None:
    assert not refusal({"host": host, "user-agent": "Boto3/1.40"})


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "127.0.0.1:4566", "origin": "https://example.com"},
        {"host": "127.0.0.1:4566", "origin": "null"},
        {"host": "127.0.0.1:4566", "sec-fetch-site": "cross-site"},
        {"host": "127.0.0.1:4566", "sec-fetch-site": "none"},  # a link in a mail
    ],
)
def test_what_a_browser_marks_is_refused(headers: dict[str, str]) -> None:
    assert "a browser sent this" in refusal(headers)


@pytest.mark.parametrize(
    "host",
    ["", "example.com:4566", "localhost.example.com", "127.0.0.1.example.com", "notlocalhost", "127.0.0.1:4566.a.com"],
)
def test_a_name_that_was_bound_to_this_machine_is_refused(host: str) -> None:
    assert "Host is not this machine" in refusal({"host": host})
