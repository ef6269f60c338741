"""Nobody listens, and somebody reads: the feed says that it is late, and starts."""

import time

import requests

from tests.e2e.local_stack import Stack
from tests.e2e.test_documents import get, until
from tests.e2e.test_late_feed import grow_old


def test_a_reader_of_an_idle_feed_waits_and_gets_live_prices(stack: Stack) -> None:
    """The first tick is that of the deployment; then the stack is left alone, and its data grow old."""
    until(lambda: stack.table("Quotes").get_item(Key={"pk": "SNAPSHOT", "sk": "CURRENT"}).get("Item"))
    until(lambda: not an_ingest_runs(stack))
    until(lambda: state_after_growing_old(stack) == "late")  # the tick of a minute may come in between
    first = get(stack, "markets/rates.json")
    assert (first.status_code, first.json()["code"]) == (503, "late")
    assert first.headers["Retry-After"].isdecimal()
    assert first.headers["Content-Type"] == "application/problem+json"
    began_s = time.monotonic()
    document = until(lambda: live(get(stack, "markets/rates.json"))).json()
    print(f"prices after {time.monotonic() - began_s:.1f} s")
    assert not any(quote.get("stale") for quote in document["data"])
    assert until(lambda: get(stack, "markets/rates.json").json()["seq"] > document["seq"] + 2)
    assert until(lambda: get(stack, "markets/status.json").json()["state"] == "live")


def state_after_growing_old(stack: Stack) -> str:
    grow_old(stack)
    return str(get(stack, "markets/status.json").json()["state"])


def live(answer: requests.Response) -> requests.Response | None:
    assert answer.status_code in {200, 503}
    return answer if answer.status_code == 200 else None


def an_ingest_runs(stack: Stack) -> bool:
    lease = stack.table("Quotes").get_item(Key={"pk": "LEASE", "sk": "INGEST"}, ConsistentRead=True).get("Item", {})
    return int(str(lease.get("until_ms", 0))) > time.time() * 1000
