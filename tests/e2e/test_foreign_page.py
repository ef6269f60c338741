"""A page that somebody visits while the feed runs on this machine can make neither AWS nor the exchange do anything."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.e2e.local_stack import ROOT, SESSION, Stack
from tools.browser import CHROMIUM, NO_CHROMIUM

NODE = Path(sys.executable).parent / "node"
FAULT = {"binance": {"status": 500}}
HARMLESS: dict[str, object] = {"binance": {}}


def signed(stack: Stack, topic: str) -> str:
    """Return an address that makes a topic for a program that asks it: the emulator's key is well known."""
    client = SESSION.client("sns", endpoint_url=stack.aws)
    return str(client.generate_presigned_url("create_topic", {"Name": topic}, HttpMethod="GET"))


def topics(stack: Stack) -> list[str]:
    found = SESSION.client("sns", endpoint_url=stack.aws).list_topics()["Topics"]
    return [topic["TopicArn"].rsplit(":", 1)[1] for topic in found]


def test_a_program_can_do_what_a_page_must_not(common_stack: Stack) -> None:
    """Else the test of the page would prove nothing."""
    assert requests.get(signed(common_stack, "of-a-program"), timeout=10).ok
    assert "of-a-program" in topics(common_stack)
    answer = requests.post(
        f"{common_stack.exchange}/control/faults",
        data=json.dumps(HARMLESS),
        headers={"Content-Type": "text/plain"},
        timeout=10,
    )
    assert answer.ok


@pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)
def test_a_page_of_another_origin_can_do_nothing(common_stack: Stack) -> None:
    before = topics(common_stack)
    socket = f"{common_stack.aws}/_aws/execute-api/{api_id(common_stack)}/live"
    urls = [signed(common_stack, "of-a-page"), socket, f"{common_stack.exchange}/control/faults"]
    ran = subprocess.run(
        [NODE, ROOT / "tests" / "e2e" / "foreign_page.mjs", json.dumps({"urls": urls, "body": json.dumps(FAULT)})],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    tried = json.loads(ran.stdout)
    assert len(tried) == 4 * len(urls)
    assert "open" not in tried
    assert tried.count("opaque") == 2 * len(urls)  # they were sent, and the page cannot read the refusal
    assert topics(common_stack) == before
    assert common_stack.control("state")["faults"] == {}


def test_a_name_that_is_bound_to_this_machine_reaches_nothing(common_stack: Stack) -> None:
    for address in (signed(common_stack, "of-a-name"), f"{common_stack.exchange}/control/state"):
        answer = requests.get(address, headers={"Host": "rebound.example"}, timeout=10)
        assert answer.status_code == 403
        assert "Host is not this machine" in answer.text
    assert "of-a-name" not in topics(common_stack)


def api_id(stack: Stack) -> str:
    apis = SESSION.client("apigatewayv2", endpoint_url=stack.aws).get_apis()["Items"]
    (api,) = (each for each in apis if each["ProtocolType"] == "WEBSOCKET")
    return str(api["ApiId"])
