"""What the functions write and the alarms of the template together: each alarm goes off at its fault, and at no other
time."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

import pytest
from mypy_boto3_dynamodb.service_resource import Table

from functions.ingest import grid
from shared.gateway import Posted
from shared.model.assets import price_sources
from shared.model.delta import Delta
from shared.model.values import Polled, Snapshot, SourceState, Ticker
from shared.publishing.images import change_in, worker_image
from shared.publishing.report import moment, report
from shared.sources.all_sources import SOURCES, AllSources
from shared.sources.circuit import SourceUnavailable, after_failure
from shared.store.connections_table import ConnectionsTable
from tests.clients import ConnectionsServer
from tests.functions.ingest.ingests import Clock, Ingest, Stage
from tests.infra.cloudwatch import CloudWatch
from tests.infra.synthesis import Synthesised, in_words
from tests.infra.test_monitoring import alarms
from tests.lambdas import CONNECTION_ID, Context, Load, stream_record, websocket_event
from tests.samples import NOW_MS, after, quote, quotes
from tools.simulator.server import exchange_in_thread
from tools.simulator.simulated import SimulatedMarket

MINUTE_MS = 60_000
BEGAN_MS = NOW_MS // MINUTE_MS * MINUTE_MS
TICK_S = 5


@pytest.fixture(scope="module")
def polled() -> Polled:
    """What the sources of a healthy market say."""
    with exchange_in_thread(SimulatedMarket(seed=1)) as running:
        return AllSources(dict.fromkeys((make().name for make in SOURCES), running.url)).poll(30)


@pytest.fixture
def start(load: Load, monkeypatch: pytest.MonkeyPatch, stack: Synthesised, sharded: Synthesised) -> Load:
    """Starts a Lambda under the name and the namespace that the template gives it."""

    def started(name: str) -> ModuleType:
        variables = (stack if name in stack.functions() else sharded).functions()[name]["Environment"]["Variables"]
        for key, value in variables.items():
            if key.startswith("POWERTOOLS_"):
                monkeypatch.setenv(key, value)
        return load(name)

    return started


@dataclass
class Sources:
    """In the place of `AllSources`: the same prices in every tick, until sources are dead."""

    clock: Clock
    polled: Polled
    dead: Sequence[str] = ()
    states: dict[str, SourceState] = field(default_factory=dict)

    def resume(self, _states: object) -> None:
        pass

    def poll(self, _timeout_s: float) -> Polled:
        now_ms = self.clock.ms
        for name in self.polled.states:
            before = self.states.get(name, SourceState())
            dead = name in self.dead
            self.states[name] = (
                after_failure(before, SourceUnavailable("HTTP 503"), now_ms, lambda: 0.5)
                if dead
                else SourceState(ok_ms=now_ms)
            )
        alive = [ticker for ticker in self.polled.tickers if ticker.source not in self.dead]
        return Polled([self._now(ticker) for ticker in alive], dict(self.states))

    def _now(self, ticker: Ticker) -> Ticker:
        return replace(ticker, ts_ms=self.clock.ms, answered_ms=self.clock.ms)


@dataclass
class Watched:
    """An ingest in virtual time whose metrics CloudWatch reads."""

    stage: Stage
    module: ModuleType
    sources: Sources
    cloudwatch: CloudWatch
    capsys: pytest.CaptureFixture[str]

    def run(self, minutes: int, *, every_s: int = TICK_S) -> None:
        """Make the ticks of some minutes."""
        clock = self.stage.clock
        until_ms = clock.ms + minutes * MINUTE_MS
        while clock.ms < until_ms:
            ingest = Ingest(self.stage.items, clock, self.stage.written, TICK_S)
            ingest.ticks._sources = self.sources  # type: ignore[assignment]
            ingest.ticks._report = self._report
            ingest.run()
            if every_s > TICK_S:
                self.module.metrics.flush_metrics()  # as at the end of an invocation
                self._read()
                clock.ms = (clock.ms // (every_s * 1000) + 1) * every_s * 1000

    def _report(self, tick: Any) -> None:
        self.module.report(tick)
        self._read()

    def _read(self) -> None:
        self.cloudwatch.read(self.capsys.readouterr().out, self.stage.clock.ms)


@pytest.fixture
def watched(
    start: Load,
    quotes_items: Table,
    polled: Polled,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Watched]:
    """An ingest that has a listener."""
    module = start("ingest")
    clock = Clock(BEGAN_MS)
    monkeypatch.setattr(grid, "time", clock)
    monkeypatch.setattr(module, "time", type("T", (), {"time": staticmethod(lambda: clock.ms / 1000)}))
    stage = Stage(quotes_items, clock)
    stage.table.join_audience(clock.ms)
    capsys.readouterr()
    yield Watched(stage, module, Sources(clock, polled), CloudWatch(), capsys)
    module.metrics.clear_metrics()


def test_with_all_sources_dead_alarms_breach_within_two_minutes(stack: Synthesised, watched: Watched) -> None:
    """Their metrics breach within two minutes of the first tick without an answer."""
    watched.run(2)
    died_ms = watched.stage.clock.ms
    watched.sources.dead = tuple(watched.sources.polled.states)
    watched.run(18)
    known = alarms(stack)
    for name in ("AllSourcesDown", "QuotesStale"):
        first_minute_ms = died_ms // MINUTE_MS * MINUTE_MS
        before = range(BEGAN_MS, first_minute_ms, MINUTE_MS)
        assert not any(watched.cloudwatch.breaches(known[name], minute_ms) for minute_ms in before)
        within = range(first_minute_ms, died_ms + MINUTE_MS, MINUTE_MS)
        assert any(watched.cloudwatch.breaches(known[name], minute_ms) for minute_ms in within), name
        assert watched.cloudwatch.goes_off_after_ms(known[name], first_minute_ms, died_ms + 4 * MINUTE_MS)
    for name, alarm in known.items():
        if name.startswith("Down"):
            assert watched.cloudwatch.goes_off_after_ms(alarm, died_ms, watched.stage.clock.ms), name


def test_a_dead_source_raises_its_own_alarm_only(stack: Synthesised, watched: Watched) -> None:
    watched.run(1)
    began_ms = watched.stage.clock.ms
    watched.sources.dead = ("coinbase",)
    watched.run(18)
    ours = {name: alarm for name, alarm in alarms(stack).items() if of(alarm, "ingest")}
    assert {name for name, alarm in ours.items() if goes_off(watched, alarm, began_ms)} == {"DownCoinbase"}


@pytest.mark.usefixtures("connections_items")
def test_an_idle_feed_raises_no_alarm(stack: Synthesised, watched: Watched, start: Load) -> None:
    """Nobody is connected, so the ingest makes one tick a minute."""
    watched.stage.nobody_listens()
    watched.run(20, every_s=60)
    assert len(watched.stage.written) == 20
    publish, old = start("publish"), watched.stage.table.snapshot()
    invoked = {"FunctionName": in_words(alarms(stack)["PublishSilent"]["Dimensions"][0]["Value"])}
    for at_ms in range(BEGAN_MS, BEGAN_MS + 19 * MINUTE_MS, MINUTE_MS):
        new = after(old, old.quotes, at_ms)
        publish.handler({"Records": [stream_record(old, new)]}, Context())
        old = new
        watched.cloudwatch.read(watched.capsys.readouterr().out, at_ms)
        watched.cloudwatch.put(at_ms, "AWS/Lambda", "Invocations", invoked, 1)
    until_ms = BEGAN_MS + 19 * MINUTE_MS
    assert {
        name
        for name, alarm in alarms(stack).items()
        if watched.cloudwatch.goes_off_after_ms(alarm, BEGAN_MS, until_ms) is not None
    } == set()


def test_without_ticks_two_alarms_go_off(stack: Synthesised) -> None:
    """And no other, however long nothing is written."""
    nothing, day_ms = CloudWatch(), 86_400_000
    off = {
        name for name, alarm in alarms(stack).items() if nothing.goes_off_after_ms(alarm, BEGAN_MS, BEGAN_MS + day_ms)
    }
    assert off == {"NothingTicks", "PublishSilent"}


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize(("every_s", "is_off"), [(5, False), (10, False), (60, True)])
def test_rare_ticks_raise_an_alarm_while_somebody_listens(
    stack: Synthesised,
    start: Load,
    connections_items: Table,
    capsys: pytest.CaptureFixture[str],
    every_s: int,
    is_off: bool,
) -> None:
    connections = ConnectionsTable(connections_items, 1)
    connections.add(CONNECTION_ID, int(time.time()))
    connections.subscribe(CONNECTION_ID, "rates_batch", ("BTC_CAD",))
    publish, cloudwatch = start("publish"), CloudWatch()
    base_ms = int(time.time() * 1000)
    old = after(Snapshot(), quotes(), base_ms)
    for number in range(1, 600 // every_s):
        spot = {"BTC_CAD": quote(spot=str(number))}
        new = after(old, {**old.quotes, **spot}, base_ms + number * every_s * 1000)
        publish.handler({"Records": [stream_record(old, new)]}, Context())
        cloudwatch.read(capsys.readouterr().out, BEGAN_MS + number * every_s * 1000)
        old = new
    assert (goes_off_in(cloudwatch, alarms(stack)["TicksRare"], 9) is not None) == is_off


@pytest.mark.parametrize(("name", "event"), [("request", "trends"), ("subscribe", "subscribe")])
@pytest.mark.parametrize("fault", ["table", "post"])
def test_a_request_that_fails_raises_an_alarm(
    stack: Synthesised,
    start: Load,
    api: ConnectionsServer,
    connections_items: Table,
    quotes_items: Table,
    capsys: pytest.CaptureFixture[str],
    name: str,
    event: str,
    fault: str,
) -> None:
    """It is answered with 200, so that no metric of AWS shows it."""
    ConnectionsTable(connections_items, 1).add(CONNECTION_ID, int(time.time()))
    module = start(name)
    if fault == "table":
        quotes_items.delete()
    else:
        api.statuses["/live/@connections/L0SM9cOFvHcCIhw%3D"] = 403
        api.statuses["/live/%40connections/L0SM9cOFvHcCIhw%3D"] = 403
    body = {"event": event, "channel": "rates_batch", "id": 1}
    assert module.handler(websocket_event(event, body), Context()) == {"statusCode": 200}
    cloudwatch = CloudWatch()
    cloudwatch.read(capsys.readouterr().out, BEGAN_MS)
    assert goes_off_in(cloudwatch, alarms(stack)[f"{name.capitalize()}Failed"], 5)


def test_a_slow_reader_does_not_count_as_a_failed_request(
    stack: Synthesised,
    start: Load,
    api: ConnectionsServer,
    connections_items: Table,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ConnectionsTable(connections_items, 1).add(CONNECTION_ID, int(time.time()))
    api.statuses["/live/@connections/L0SM9cOFvHcCIhw%3D"] = 429
    api.statuses["/live/%40connections/L0SM9cOFvHcCIhw%3D"] = 429
    start("request").handler(websocket_event("$default", {"event": "ping", "id": 1}), Context())
    log = capsys.readouterr().out
    cloudwatch = CloudWatch()
    cloudwatch.read(log, BEGAN_MS)
    assert '"AnswersThrottled":[1.0]' in log
    assert goes_off_in(cloudwatch, alarms(stack)["RequestFailed"], 5) is None


@pytest.mark.usefixtures("api", "connections_items")
def test_overtaken_workers_raise_an_alarm(
    sharded: Synthesised, start: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    worker, cloudwatch = start("worker"), CloudWatch()
    first = after(Snapshot(), quotes(), int(time.time() * 1000))
    change, _ = change_in([stream_record(None, first)["dynamodb"]])
    assert change
    event = {"shard": 0, "old": None, "new": worker_image(change.new), "audience": ""}
    worker.handler(event, Context())
    for minute in range(6):
        worker.handler(event, Context())
        cloudwatch.read(capsys.readouterr().out, BEGAN_MS + minute * MINUTE_MS)
    assert goes_off_in(cloudwatch, alarms(sharded)["WorkersOvertaken"], 6)


@pytest.mark.parametrize(("posts_a_tick", "is_off"), [(500, False), (700, True)])
def test_more_posts_than_the_budget_pays_for_raise_an_alarm(
    stack: Synthesised, start: Load, capsys: pytest.CaptureFixture[str], posts_a_tick: int, is_off: bool
) -> None:
    """10 dollars pay for 578 posts in each tick of a day."""
    publish, cloudwatch = start("publish"), CloudWatch()
    delta = Delta(Snapshot(1), Snapshot(2))
    for at_s in range(0, 86_400, 864):
        posted = Posted(posts=posts_a_tick * 864 // TICK_S)
        report(publish.logger, publish.metrics, moment(), delta, posted)
        publish.metrics.flush_metrics()
        cloudwatch.read(capsys.readouterr().out, BEGAN_MS + at_s * 1000)
    assert (goes_off_in(cloudwatch, alarms(stack)["PostsOverBudget"], 24 * 60) is not None) == is_off


def test_each_watched_metric_of_ours_has_a_test(stack: Synthesised) -> None:
    metrics = {alarm["MetricName"] for alarm in alarms(stack).values() if alarm["Namespace"] == "Cadfeed"}
    assert len(price_sources()) == 5
    assert metrics - ELSEWHERE == {
        "QuotesAge", "SourcesSilent", "SourceDown", "SnapshotGap", "RequestsFailed", "Posts", "TickDuration"
    }  # fmt: skip


# What tests of the handlers and of the report hold, by the name of the metric.
ELSEWHERE = {
    "PricesHeld", "CandlesPending", "PostsFailed", "PostsRefused", "ConnectionsUnsent", "BatchesBroken",
    "SnapshotsUnreadable", "SourceSuspect",
}  # fmt: skip


def of(alarm: dict[str, Any], service: str) -> bool:
    return {"Name": "service", "Value": service} in alarm["Dimensions"]


def goes_off(watched: Watched, alarm: dict[str, Any], began_ms: int) -> bool:
    return watched.cloudwatch.goes_off_after_ms(alarm, began_ms, watched.stage.clock.ms) is not None


def goes_off_in(cloudwatch: CloudWatch, alarm: dict[str, Any], minutes: int) -> int | None:
    return cloudwatch.goes_off_after_ms(alarm, BEGAN_MS, BEGAN_MS + minutes * MINUTE_MS)
