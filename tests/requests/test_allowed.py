"""A token may allow some channels only: others are neither subscribed nor shown."""

import pytest

from shared.model.channels import RATES, RATES_BATCH
from shared.model.values import Connection
from shared.protocol import BadRequest, Message
from shared.requests.allowed import check_allowed

MESSAGE = Message("subscribe", 7, {})


@pytest.mark.parametrize("allowed", [None, (RATES,), (RATES, RATES_BATCH)])
def test_a_channel_that_is_allowed_passes(allowed: tuple[str, ...] | None) -> None:
    check_allowed(Connection("a", {}, allowed=allowed), RATES, MESSAGE)


@pytest.mark.parametrize("allowed", [(), (RATES_BATCH,)])
def test_another_channel_is_denied(allowed: tuple[str, ...]) -> None:
    with pytest.raises(BadRequest, match=f'your token does not allow "{RATES}"') as refused:
        check_allowed(Connection("a", {}, allowed=allowed), RATES, MESSAGE)
    assert (refused.value.code, refused.value.message_id) == ("channel_denied", 7)
