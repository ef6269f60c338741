"""A client asks for its pace with each subscription."""

import json

from cadfeed_client import Feed
from cadfeed_client.requests import Requests, Subscription


def test_each_subscription_asks_for_the_pace() -> None:
    requests = Requests(Subscription("rates_compact", ("BTC_CAD",), 60))
    asked = json.loads(requests.opened(0))
    assert asked == {"event": "subscribe", "channel": "rates_compact", "id": 1, "symbols": ["BTC_CAD"], "every": 60}
    fallen_back = requests.fall_back(1, "unknown_channel", 0)
    assert fallen_back is not None
    assert json.loads(fallen_back)["every"] == 60


def test_without_a_pace_none_is_asked_for() -> None:
    assert "every" not in json.loads(Requests(Subscription()).opened(0))


def test_a_server_may_be_silent_for_the_interval_longer() -> None:
    assert Feed("wss://feed.example/", every_s=300)._machine._dead_after_ms == 345_000
    assert Feed("wss://feed.example/", every_s=300, dead_after_s=None)._machine._dead_after_ms is None
