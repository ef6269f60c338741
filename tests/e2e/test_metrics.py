"""/metrics of the local stack's edge, read by Prometheus' own parser."""

import ssl
import time
import urllib.request
from urllib.parse import urljoin

from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.local_stack import Stack

DEADLINE_S = 200  # an ingest lasts 130 s, and the emulator shows its lines when it ends


def test_the_edge_shows_what_the_functions_write(common_stack: Stack) -> None:
    trusted = ssl.create_default_context(cafile=common_stack.ca)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trusted))
    wanted = {"cadfeed_posts", "cadfeed_posting_time_milliseconds", "cadfeed_tick_duration_milliseconds"}
    deadline = time.monotonic() + DEADLINE_S
    found: set[str] = set()
    while not wanted <= found:
        assert time.monotonic() < deadline, found
        with opener.open(urljoin(common_stack.dashboard, "/metrics"), timeout=60) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            text = answer.read().decode()
        families = list(text_string_to_metric_families(text))
        found = {family.name for family in families}
        time.sleep(1)
    services = {sample.labels["service"] for family in families for sample in family.samples}
    assert services >= {"ingest", "publish"}
