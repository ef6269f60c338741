"""The bills: computed by hand for one connection, plausible for any, and the crossovers of designs."""

from dataclasses import replace
from decimal import Decimal
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.assets import catalogue
from shared.model.channels import RATES, RATES_BATCH, RATES_COMPACT
from tools.cost.crossover import cheaper
from tools.cost.designs import ALTERNATIVES, Bill, Design, Service, bill
from tools.cost.frames import measure, metered
from tools.cost.measured import ALARMS, CUSTOM_METRICS, INGEST_GB
from tools.cost.prices import ACCOUNT_REQUESTS_PER_S, API_GATEWAY_MESSAGE_BYTES, KB
from tools.cost.report import warning
from tools.cost.workload import BadOptions, Options, Workload, most_connections, workload

ONE = Options(1)
SESSIONS = Decimal(43_800) / 115  # of a client in a month: API Gateway ends a connection after two hours
# connect, subscribe, disconnect
SESSION_MESSAGES = 4  # `subscribe`, its acknowledgement, the snapshot, the closing notice
ROUTES = SESSIONS * (3 * Decimal("0.2e-6") + Decimal("0.075") * Decimal("0.0000133334"))
numbers = st.integers(0, 3_000_000)
designs = st.sampled_from(list(Design))


def cost(design: Design, connections: int, **changes: object) -> Bill:
    return bill(design, Options(connections, **changes))  # type: ignore[arg-type]  # drawn by name


def test_one_permanent_client_costs_53_cents_of_messages() -> None:
    """Its connection minutes cost one more."""
    made = bill(Design.THIS, ONE)
    assert made[Service.MESSAGES] == pytest.approx((525_600 + SESSIONS * SESSION_MESSAGES) / 10**6)
    assert round(made[Service.MESSAGES], 2) == Decimal("0.53")
    assert made[Service.MINUTES] == Decimal("0.01095")


def test_above_a_billion_messages_cost_80_cents_a_million() -> None:
    messages = 10_000 * (525_600 + SESSIONS * SESSION_MESSAGES)
    assert cost(Design.THIS, 10_000)[Service.MESSAGES] == pytest.approx(1000 + (messages - 10**9) * Decimal("0.8e-6"))


@pytest.mark.parametrize(("standby", "run_s"), [(True, Decimal(130)), (False, 60 + Decimal("2.5"))])
def test_the_ingest_is_paid_by_the_length_of_its_runs(*, standby: bool, run_s: Decimal) -> None:
    """With stand-by each lasts 130 s. Without it two overlap for half a tick in each minute."""
    ingest = 43_800 * (run_s * INGEST_GB * Decimal("0.0000133334") + Decimal("0.2e-6"))
    publish = 525_600 * (Decimal("0.2e-6") + Decimal("0.030056") * 1769 / 1024 * Decimal("0.0000133334"))
    made = bill(Design.THIS, replace(ONE, standby=standby))
    assert made[Service.LAMBDA] == pytest.approx(ingest + publish + ROUTES)


def test_a_stand_by_reads_the_lease_once_a_tick() -> None:
    with_standby, without = cost(Design.THIS, 1_000), cost(Design.THIS, 1_000, standby=False)
    changed = {service for service in Service if with_standby[service] != without[service]}
    assert changed == {Service.LAMBDA, Service.DYNAMODB}
    looks = 43_800 * Decimal(70) / 5
    assert with_standby[Service.DYNAMODB] - without[Service.DYNAMODB] == pytest.approx(looks * Decimal("0.125e-6"))
    # Nobody stands by while nobody listens.
    assert cost(Design.THIS, 0) == cost(Design.THIS, 0, standby=False)


def test_posts_beyond_the_burst_cost_waiting_time() -> None:
    dearer = cost(Design.THIS, 35_000)[Service.LAMBDA] - cost(Design.THIS, 34_000)[Service.LAMBDA]
    gb_seconds = Decimal(525_600) * 1000 / 7000 * 1769 / 1024
    assert dearer == pytest.approx(gb_seconds * Decimal("0.0000133334") + 1000 * ROUTES)


def test_the_table_of_connections_is_read_whole_each_tick() -> None:
    without, thousand = (cost(Design.APPSYNC, 1_000), cost(Design.THIS, 1_000))
    query = 525_600 * 4 * Decimal(ceil(89 * 1000 / 4 / 4096)) * Decimal("0.125e-6")  # of four partitions
    # 3 writes; 6 reads instead of 3. One of each counts the message.
    routes = 1000 * SESSIONS * (3 * Decimal("0.625e-6") + 3 * Decimal("0.125e-6"))
    assert thousand[Service.DYNAMODB] - without[Service.DYNAMODB] == pytest.approx(query + routes, rel=Decimal("0.001"))


def test_a_frame_of_33_kb_would_be_two_messages() -> None:
    unit = API_GATEWAY_MESSAGE_BYTES
    sizes = [int(unit) - 1, int(unit), int(unit) + 1, int(33 * KB)]
    assert [metered([size], unit) for size in sizes] == [1, 1, 2, 2]


def test_without_listeners_nothing_is_sent() -> None:
    for design in (Design.THIS, Design.LOOP):
        made = cost(design, 0)
        assert not made[Service.MESSAGES]
        assert not made[Service.MINUTES]
        assert not made[Service.TRANSFER]
        watched = CUSTOM_METRICS * Decimal("0.30") + ALARMS * Decimal("0.10")
        assert watched < made[Service.CLOUDWATCH] < watched + 1
        assert made[Service.CLOUDWATCH] < made.total < made[Service.CLOUDWATCH] + 4


def test_hours_without_listeners_are_paid_as_such() -> None:
    none, half, whole = (cost(Design.THIS, 1_000, hours=Decimal(hours)).total for hours in (0, 12, 24))
    assert none == pytest.approx(cost(Design.THIS, 0).total, rel=Decimal("0.001"))
    assert half == pytest.approx((none + whole) / 2, rel=Decimal("0.01"))


def test_a_quiet_feed_costs_its_heartbeats() -> None:
    made = cost(Design.THIS, 1_000, quiet=Decimal(1))
    assert made[Service.MESSAGES] == pytest.approx((2_628_000 // 30 + SESSIONS * SESSION_MESSAGES) * 1000 / 10**6)


def test_in_one_tick_of_twelve_a_snapshot_replaces_the_update() -> None:
    frames, load = measure(5), workload(ONE)
    assert load.frames_a_tick(RATES_BATCH) == 1
    assert load.frames_a_tick(RATES) == pytest.approx(frames.a_tick(RATES) * 11 / 12 + Decimal(len(catalogue())) / 12)
    update, (snapshot,) = frames.bytes_a_tick(RATES_BATCH), frames.snapshot[RATES_BATCH]
    assert update < snapshot
    assert load.bytes_a_tick(RATES_BATCH) == pytest.approx(update * 11 / 12 + Decimal(snapshot) / 12)
    # With a tick of a minute it gets nothing else.
    minute = workload(Options(1, 60))
    assert minute.bytes_a_tick(RATES_BATCH) == measure(60).snapshot[RATES_BATCH][0]


def test_an_unchanged_view_gets_two_heartbeats_a_minute() -> None:
    moves = measure(5)
    still = replace(moves, sizes={RATES_BATCH: (), RATES: ()}, silent=Decimal(1))
    load = Workload(ONE, still)
    # One of a minute's twelve ticks has the snapshot, and on average two others have a heartbeat.
    assert load.frames_a_tick(RATES_BATCH) == pytest.approx((1 + 11 * Decimal(2) / 12) / 12)


def test_each_message_is_counted_with_a_read_and_a_write() -> None:
    asks, silent = cost(Design.THIS, 1_000, requests=Decimal(60)), cost(Design.THIS, 1_000)
    requests = 1000 * 730 * 60
    per_request = Decimal("0.625e-6") + (1 + 3) * Decimal("0.125e-6")  # the snapshot is three units
    assert asks[Service.DYNAMODB] - silent[Service.DYNAMODB] == pytest.approx(requests * per_request)


def test_a_connection_that_leaves_early_gets_no_notice() -> None:
    made = cost(Design.THIS, 1, session_minutes=Decimal(100))
    assert made[Service.MESSAGES] == pytest.approx((525_600 + Decimal(438) * 3) / 10**6)


def test_the_loop_sends_a_message_for_each_symbol_that_changed() -> None:
    changed = measure(5).a_tick(RATES)
    assert 60 < changed <= len(catalogue())
    loop = cost(Design.LOOP, 100)
    assert loop[Service.MESSAGES] == cost(Design.THIS, 100, channel=RATES)[Service.MESSAGES]
    begun = SESSIONS * (len(catalogue()) + 3)  # subscribe, its acknowledgement, a frame each, the notice before the end
    each = changed * 11 / 12 + Decimal(len(catalogue())) / 12
    assert loop[Service.MESSAGES] == pytest.approx(1000 + ((525_600 * each + begun) * 100 - 10**9) * Decimal("0.8e-6"))


def test_with_the_page_cloudfront_bills_bytes_and_handshakes() -> None:
    with_page, without = cost(Design.THIS, 1_000), cost(Design.THIS, 1_000, site=False)
    assert {service for service in Service if with_page[service] != without[service]} == {Service.TRANSFER}
    gigabytes = workload(Options(1_000)).bytes_out(RATES_COMPACT) / 1024**3
    assert 2_000 < gigabytes < 10_240  # within the first tier of both
    assert without[Service.TRANSFER] == pytest.approx(gigabytes * Decimal("0.09"))
    # A handshake is an HTTPS request, and runs the function that adds the stage to its path.
    handshakes = 1000 * SESSIONS * (Decimal("0.01") / 10_000 + Decimal("0.10") / 10**6)
    assert with_page[Service.TRANSFER] == pytest.approx(gigabytes * Decimal("0.085") + handshakes)


@pytest.mark.parametrize("design", [design for design in Design if design is not Design.HTTP])
def test_every_design_has_cloudfront_in_front_or_none(design: Design) -> None:
    assert 0 < cost(design, 1_000)[Service.TRANSFER] < cost(design, 1_000, site=False)[Service.TRANSFER]


@given(designs, numbers, numbers)
def test_more_connections_never_cost_less(design: Design, some: int, more: int) -> None:
    assert cost(design, some).total <= cost(design, some + more).total


@given(numbers, st.sampled_from([RATES, RATES_BATCH]))
def test_the_loop_never_costs_less_than_this_design(connections: int, channel: str) -> None:
    ours, loop = cost(Design.THIS, connections, channel=channel), cost(Design.LOOP, connections, channel=channel)
    # On `rates` they send the same, and an eventually consistent scan costs half of a consistent query.
    scan = ours[Service.DYNAMODB] - loop[Service.DYNAMODB]
    assert ours.total - scan <= loop.total


@given(designs, numbers)
def test_a_free_tier_never_makes_a_bill_dearer(design: Design, connections: int) -> None:
    free, list_price = cost(design, connections, free_tier=True), cost(design, connections)
    assert all(free[service] <= list_price[service] for service in Service)


@pytest.mark.parametrize("design", ALTERNATIVES)
@pytest.mark.parametrize("options", [ONE, Options(1, symbols=20), Options(1, channel=RATES)], ids=str)
def test_a_crossover_is_exact(design: Design, options: Options) -> None:
    """Another design is cheaper there and not just beside it."""

    def is_cheaper(connections: int) -> bool:
        asked = options.at(connections)
        return bill(design, asked).total < bill(Design.THIS, asked).total

    ranges = cheaper(design, options)
    for each in ranges:
        assert not is_cheaper(each.first - 1) or each.first == 1
        assert is_cheaper(each.first)
        if each.last:
            assert is_cheaper(each.last)
            assert not is_cheaper(each.last + 1)
    assert is_cheaper(10**7) == any(each.last is None for each in ranges)


def test_a_tier_can_end_what_another_began() -> None:
    ((first, last),) = ((each.first, each.last) for each in cheaper(Design.APPSYNC, Options(1, symbols=20)))
    assert first < 100
    # Above a billion messages API Gateway's cost 80 cents, AppSync's a dollar.
    assert last
    assert 1_900 < last < 10_000


def test_the_quota_counts_posts_and_clients_messages() -> None:
    for options in (ONE, Options(1, 1), Options(1, channel=RATES)):
        most = most_connections(options)
        fits, not_any_more = (
            workload(options.at(number)).requests_a_second(options.channel) for number in (most, most + 1)
        )
        assert fits <= ACCOUNT_REQUESTS_PER_S < not_any_more
    assert 49_000 < most_connections(ONE) < 50_000
    assert 9_900 < most_connections(Options(1, 1)) < 10_000


def test_above_70_percent_of_the_quota_it_warns() -> None:
    assert warning(Options(34_890)) is None
    said = warning(Options(35_000))
    assert said is not None
    assert "7,02" in said
    assert "rates_compact" in (warning(Options(510, channel=RATES)) or "")
    assert warning(Options(0, channel=RATES)) is None


def test_frames_are_measured_with_the_feeds_own_encoder() -> None:
    frames = measure(5)
    assert frames.a_tick(RATES_BATCH) == 1
    assert max(frames.sizes[RATES_BATCH]) < API_GATEWAY_MESSAGE_BYTES
    # Each frame of a symbol names its channel, so together they have more bytes than the batch.
    assert frames.bytes_a_tick(RATES) > frames.bytes_a_tick(RATES_BATCH)
    assert frames.bytes_a_tick(RATES_BATCH, deflated=True) * 4 < frames.bytes_a_tick(RATES_BATCH)
    assert measure(5, 1).symbols == 1
    assert max(measure(5, 1).sizes[RATES_BATCH]) < 400


def test_two_measurements_are_the_same() -> None:
    assert measure.__wrapped__(5, 3) == measure.__wrapped__(5, 3)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"connections": -1}, "CONNECTIONS is -1; it must be 0 to 100,000,000"),
        ({"tick_s": 0}, "TICK is 0; it must be 1 to 60"),
        ({"tick_s": 61}, "TICK is 61"),
        ({"channel": "prices"}, "CHANNEL is 'prices'; it must be rates or rates_batch"),
        ({"symbols": len(catalogue()) + 1}, f"--symbols is {len(catalogue()) + 1}"),
        ({"hours": Decimal(25)}, "--hours is 25; it must be 0 to 24"),
        ({"quiet": Decimal("1.5")}, "--quiet is"),
        ({"session_minutes": Decimal(0)}, "--session-minutes is 0; it must be 1 to 120"),
    ],
)
def test_an_impossible_deployment_is_explained(changes: dict[str, object], said: str) -> None:
    with pytest.raises(BadOptions, match=said):
        Options(**{"connections": 1, **changes})  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(("connections", "dollars"), [(10, 0), (1_000, 15), (20_000, 15), (30_000, 1_450)])
def test_a_plan_has_a_fixed_price_in_place_of_the_transfer(connections: int, dollars: int) -> None:
    made, planned = cost(Design.THIS, connections), cost(Design.PLAN, connections)
    assert planned[Service.TRANSFER] == dollars
    assert {**planned, Service.TRANSFER: made[Service.TRANSFER]} == made


@pytest.mark.parametrize("changes", [{"site": False}, {"channel": RATES_BATCH}])
def test_without_a_plan_that_fits_each_byte_is_paid(changes: dict[str, object]) -> None:
    connections = 1_000 if "site" in changes else 100_000
    assert cost(Design.PLAN, connections, **changes) == cost(Design.THIS, connections, **changes)
