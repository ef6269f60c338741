"""What hostile clients can cost a day: bounded by the same prices and settings as the feed, and within the goal."""

from dataclasses import replace
from decimal import Decimal

import pytest

from infra.config import FeedConfig
from shared.model.assets import catalogue
from shared.model.channels import RATES, RATES_BATCH
from shared.requests.prices import PLAIN, kinds, price_of, snapshot_work
from shared.store.client_places import HANDSHAKE
from tools.cost import floods
from tools.cost.__main__ import main
from tools.cost.designs import Design, bill
from tools.cost.hostile import (
    GOAL,
    attacks,
    listening,
    most_on,
    table,
    times_a_day,
)
from tools.cost.of_a_request import of_a_message, of_a_reconnect
from tools.cost.workload import Options


def test_the_price_of_a_message_is_its_dollars() -> None:
    """No kind of message costs much more than the plain ones that it counts as."""
    for name, work in kinds().items():
        dollars = of_a_message(work)
        assert dollars == pytest.approx(Decimal(work.cost) / 10**9, rel=Decimal("0.1")), name
        assert dollars <= price_of(work) * of_a_message(PLAIN) * Decimal("1.1"), name


def test_one_client_asks_for_no_more_than_the_goal() -> None:
    """Nor does it listen for more. With each tick, the frames of one connection on `rates` would cost more."""
    assert [attack.name for attack in attacks() if attack.cost(1) > GOAL] == []
    assert listening(RATES, FeedConfig(rates_seconds=0)) > GOAL


def test_a_handshake_costs_no_more_than_it_counts_as() -> None:
    assert of_a_reconnect() <= HANDSHAKE * of_a_message(PLAIN)


def test_a_connection_sends_a_burst_and_its_rate() -> None:
    config = FeedConfig(messages_per_minute=3, message_burst=50)
    assert times_a_day(1, config) == 50 + 1_440 * 3
    assert times_a_day(10, config) == times_a_day(1, config) / 10


def test_a_larger_limit_lets_a_client_cost_more() -> None:
    def dearest(config: FeedConfig) -> Decimal:
        return max(attack.dollars for attack in attacks(config) if attack.name.startswith("sends"))

    config = FeedConfig()
    assert dearest(replace(config, messages_per_minute=10 * config.messages_per_minute)) > 5 * dearest(config)


def test_the_cap_bounds_what_a_hundred_clients_cost() -> None:
    (rates,) = (attack for attack in attacks() if attack.name == f"listens to `{RATES}`")
    assert rates.cost(1) == 2 * listening(RATES, FeedConfig())
    assert rates.cost(1_000) == rates.cost(100) == 200 * listening(RATES, FeedConfig())
    assert most_on(RATES, FeedConfig(rates=False)) == (0, 0, 0)
    assert rates.cost_of_block() == 20 * listening(RATES, FeedConfig())
    unlimited = FeedConfig(
        max_rates_connections=0, max_rates_connections_per_client=0, max_rates_connections_per_block=0
    )
    assert most_on(RATES, unlimited) == most_on(RATES_BATCH, FeedConfig()) == (None, None, None)


def test_a_flood_is_answered_no_more_often_than_it_asks() -> None:
    for flood in floods.floods(FeedConfig(connect_rate=90_000, document_rate=90_000)):
        assert flood.answered_per_s <= flood.per_s


def test_listening_costs_as_much_as_in_the_bill() -> None:
    """The bill of many connections has what all of them share; a connection more costs what it hears."""
    more = bill(Design.THIS, Options(2_000)).total - bill(Design.THIS, Options(1_000)).total
    assert listening(Options(1).channel, FeedConfig()) == pytest.approx(
        more / 1_000 / (Decimal(730) / 24), rel=Decimal("0.05")
    )


def test_before_prices_a_snapshot_cost_dollars() -> None:
    """Five a second on one connection, as the limit once was: what the prices are for."""
    was = of_a_message(snapshot_work(RATES, len(catalogue()))) * 5 * 86_400
    assert 30 < was < 40


def test_the_command_prints_both_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--hostile"]) == 0
    printed = capsys.readouterr().out
    assert table() in printed
    assert floods.table() in printed
