"""`docs/changing/a-channel.md` names every file of a new channel: subscribers get its ticks."""

import pytest

from tests.changing.copies import CONTRACTS, UNNOTICED, Copy, listed, with_line

PROBE = """
from shared.protocol.messages_in import parse_message, parse_subscription
from tests.fan_out.conftest import Stage


def test_a_subscriber_of_the_new_channel_gets_ticks(stage: Stage) -> None:
    asked = parse_subscription(parse_message('{"event":"subscribe","channel":"rates_slim","symbols":["BTC_CAD"]}'))
    stage.audience.join(["slim"], **{asked.channel: asked.view})
    assert stage.publisher().publish(stage.feed.tick(), deadline_s=60).reached == 1
    (post,) = stage.audience.posts()["slim"]
    assert (post.frame["channel"], post.frame["event"]) == ("rates_slim", "update")
"""
CHECKED = (*CONTRACTS, "tests/store/test_connections_table.py", "tests/tools/test_one_place.py")


def change(copy: Copy) -> None:
    copy.edit(
        "shared/model/channels.py",
        ('RATES_BATCH = "rates_batch"\n', 'RATES_BATCH = "rates_batch"\nRATES_SLIM = "rates_slim"\n'),
        (
            "CHANNELS = (RATES, RATES_BATCH, RATES_COMPACT)",
            "CHANNELS = (RATES, RATES_BATCH, RATES_COMPACT, RATES_SLIM)",
        ),
    )
    copy.edit(
        "docs/asyncapi.yaml",
        (
            "      enum: [rates, rates_batch, rates_compact]\n",
            "      enum: [rates, rates_batch, rates_compact, rates_slim]\n",
        ),
        ("is one of rates, rates_batch, rates_compact'", "is one of rates, rates_batch, rates_compact, rates_slim'"),
        (
            "channel:\n          const: rates_batch\n        event:\n          const: snapshot\n",
            "channel:\n          enum: [rates_batch, rates_slim]\n        event:\n          const: snapshot\n",
        ),
        (
            "channel:\n          const: rates_batch\n        event:\n          const: update\n",
            "channel:\n          enum: [rates_batch, rates_slim]\n        event:\n          const: update\n",
        ),
    )
    copy.edit(
        "docs/protocol.md",
        (
            "So use `rates_compact` or `rates_batch` in a new client,",
            "`rates_slim` is as `rates_batch`.\n\nSo use `rates_compact` or `rates_batch` in a new client,",
        ),
    )
    copy.edit("README.md", ("in a tick.\n\nPython", "in a tick, and so on `rates_slim`.\n\nPython"))
    with_line(copy, "The channel `rates_slim`.")


def test_a_channel_touches_the_listed_files(copy: Copy) -> None:
    change(copy)
    assert copy.changed() == listed("a-channel.md")
    copy.write("tests/fan_out/test_probe.py", PROBE)
    copy.assert_passes(*CHECKED, "tests/fan_out/test_probe.py")


@pytest.mark.parametrize("path", sorted(listed("a-channel.md") - UNNOTICED))
def test_a_place_of_a_channel_that_is_left_out_is_noticed(copy: Copy, path: str) -> None:
    change(copy)
    copy.undo(path)
    assert copy.failing("tests/contract/test_drift.py", "tests/contract/test_both_clients.py", "-k", "channel")
