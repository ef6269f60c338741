"""The designs and their bills: this one, the loop that it replaces, and alternatives to API Gateway.

All fetch, price and store in the same way. They differ in how a stored tick reaches the clients.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from functools import partial

from infra.config import FeedConfig
from shared.model.channels import RATES, has_one_frame_per_symbol
from shared.model.pace import is_allowed
from shared.store.connections_table import partitions_of
from tools.cost import measured, prices
from tools.cost.frames import metered
from tools.cost.prices import GB, MONTH_HOURS, MONTH_MINUTES, MONTH_S, Price
from tools.cost.workload import Options, Workload, workload


class Service(StrEnum):
    """The columns of a bill."""

    MESSAGES = "messages"  # API Gateway's, AppSync's or IoT Core's
    MINUTES = "minutes"
    SERVERS = "servers"  # Fargate, its load balancer, public addresses
    LAMBDA = "Lambda"
    DYNAMODB = "DynamoDB"
    CLOUDWATCH = "CloudWatch"
    XRAY = "X-Ray"
    SCHEDULER = "Scheduler"
    TRANSFER = "transfer"  # to the internet; through CloudFront if it is in front, with its requests


class Design(StrEnum):
    THIS = "this design"
    LOOP = "boto3 loop"
    APPSYNC = "AppSync Events"
    IOT = "IoT Core"
    FARGATE = "Fargate sockets"
    FARGATE_DEFLATE = "Fargate, deflate"
    HTTP = "documents"
    HIDDEN = "hidden pages"
    PLAN = "on a plan"


ALTERNATIVES = (Design.APPSYNC, Design.IOT, Design.FARGATE, Design.FARGATE_DEFLATE, Design.HTTP)
# `PLAN` is this design with a fixed price for CloudFront. `HIDDEN` is this design for other needs, those of a page that
# nobody sees.
HIDDEN_S = 60


class Bill(dict[Service, Decimal]):
    """Dollars a month by service."""

    @property
    def total(self) -> Decimal:
        return sum(self.values(), Decimal(0))


class _Meter:
    """Adds up a bill."""

    def __init__(self, load: Workload) -> None:
        self.load = load
        self.bill = Bill({service: Decimal(0) for service in Service})
        self.log_bytes = Decimal(0)
        self._used: dict[Price, list[tuple[Service, Decimal]]] = {}

    def use(self, service: Service, price: Price, quantity: Decimal | int) -> None:
        self._used.setdefault(price, []).append((service, Decimal(quantity)))

    def invoke(self, times: Decimal, seconds: Decimal, memory_gb: Decimal, log_bytes: Decimal = Decimal(0)) -> None:
        """Add a function: its invocations, their seconds, its own log lines and Lambda's three."""
        self.use(Service.LAMBDA, prices.LAMBDA_REQUEST, times)
        self.use(Service.LAMBDA, prices.LAMBDA_GB_SECOND, times * seconds * memory_gb)
        self.log_bytes += times * (measured.INVOCATION_LOG_BYTES + log_bytes)

    def trace(self, times: Decimal, span_s: Decimal) -> None:
        """Add X-Ray, which samples each function's first request of a second and 5 % of the others.

        https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html
        """
        if self.load.options.tracing and span_s:
            first = min(times, span_s)
            self.use(Service.XRAY, prices.XRAY_TRACE, first + (times - first) * Decimal("0.05"))

    def total(self) -> Bill:
        """Return the bill. A price's tiers apply to the sum of all use at that price."""
        gigabytes = self.log_bytes / GB
        self.use(Service.CLOUDWATCH, prices.CLOUDWATCH_LOGS_GB, gigabytes)
        kept = gigabytes * measured.LOG_RETENTION_DAYS * 24 / MONTH_HOURS
        self.use(Service.CLOUDWATCH, prices.CLOUDWATCH_LOGS_GB_MONTH, kept)
        for price, uses in self._used.items():
            quantity = sum((used for _, used in uses), Decimal(0))
            dollars = price.of(quantity, free_tier=self.load.options.free_tier)
            for service, used in uses:
                self.bill[service] += dollars * used / quantity if quantity else Decimal(0)
        return self.bill


def bill(design: Design, options: Options) -> Bill:
    """Return what a month of that design costs."""
    if design is Design.HIDDEN:
        every_s = HIDDEN_S if is_allowed(HIDDEN_S, options.tick_s) else options.tick_s
        options = replace(options, every_s=max(every_s, options.every_s))
    meter = _Meter(workload(options))
    _ingest(meter)
    _DESIGNS[design](meter)
    made = meter.total()
    if design is Design.PLAN and (dollars := _of_a_plan(meter.load)) is not None:
        made[Service.TRANSFER] = dollars
    return made


def _ingest(meter: _Meter) -> None:
    """Add the schedule, the ingest, its writes, metrics and alarms: the same in every design."""
    load = meter.load
    ticks = load.ticks + load.unheard_ticks
    meter.use(Service.SCHEDULER, prices.SCHEDULER_INVOCATION, MONTH_MINUTES)
    heard_runs = load.heard_s / 60
    # Without stand-by two ingests overlap from the schedule to the older one's next tick: half a tick on average.
    run_s = measured.STANDBY_RUN_S if load.options.standby else 60 + Decimal(load.options.tick_s) / 2
    meter.invoke(heard_runs, run_s, measured.INGEST_GB)
    meter.invoke(load.unheard_ticks, measured.UNHEARD_RUN_S, measured.INGEST_GB)
    meter.log_bytes += ticks * measured.INGEST_TICK_LOG_BYTES
    meter.trace(MONTH_MINUTES, MONTH_S)

    candles = measured.CANDLES_A_DAY * MONTH_HOURS / 24
    leases = ticks + MONTH_MINUTES  # renewed at each tick, taken at each run
    trends = MONTH_HOURS * measured.TRENDS_WRITE_UNITS
    snapshots = load.snapshots * (measured.SNAPSHOT_WRITE_UNITS + measured.EXPLANATION_WRITE_UNITS)
    writes = snapshots + leases + candles + trends
    # The audience; the lease, the snapshot and the last backfill when a run begins; the lease by each stand-by.
    begun = measured.LEASE_READ_UNITS + measured.SNAPSHOT_READ_UNITS + measured.JOB_READ_UNITS
    looks = heard_runs * (run_s - 60) / load.options.tick_s if load.options.standby else Decimal(0)
    reads = ticks + MONTH_MINUTES * begun + looks * measured.LEASE_READ_UNITS
    meter.use(Service.DYNAMODB, prices.DYNAMODB_WRITE, writes)
    meter.use(Service.DYNAMODB, prices.DYNAMODB_READ, reads)
    _store(meter, measured.CANDLES_STORED * measured.CANDLE_STORED_BYTES + measured.BACKFILL_STORED_BYTES)

    meter.use(Service.CLOUDWATCH, prices.CLOUDWATCH_METRIC, measured.CUSTOM_METRICS)
    meter.use(Service.CLOUDWATCH, prices.CLOUDWATCH_ALARM, measured.ALARMS)


def _store(meter: _Meter, size_bytes: Decimal) -> None:
    meter.use(Service.DYNAMODB, prices.DYNAMODB_GB_MONTH, size_bytes / GB)
    meter.use(Service.DYNAMODB, prices.DYNAMODB_BACKUP_GB_MONTH, size_bytes / GB)


def _transfer(meter: _Meter, size_bytes: Decimal) -> None:
    """Add bytes to the internet: through CloudFront in every design, or in none."""
    if meter.load.options.site:
        meter.use(Service.TRANSFER, prices.CLOUDFRONT_OUT_GB, size_bytes / GB)
        meter.use(Service.TRANSFER, prices.CLOUDFRONT_REQUEST, meter.load.sessions)
    else:
        meter.use(Service.TRANSFER, prices.TRANSFER_OUT_GB, size_bytes / GB)


def _of_a_plan(load: Workload) -> Decimal | None:
    """Return the dollars of the cheapest flat-rate plan for it; `None` if there is none, or no CloudFront."""
    if not load.options.site:
        return None
    plan = prices.plan_for(load.sessions, load.bytes_out(load.options.channel) / GB)
    return plan.dollars if plan else None


def _api_gateway(meter: _Meter, channel: str) -> None:
    """Add messages, connection minutes and routes. `$connect` and `$disconnect` are not messages."""
    load, frames, unit = meter.load, meter.load.frames, prices.API_GATEWAY_MESSAGE_BYTES
    each = load.received(channel, partial(metered, unit_bytes=unit))
    begun = 2 + metered(frames.snapshot[channel], unit)  # `subscribe`, its acknowledgement, the snapshot
    messages = load.connections * each + load.sessions * begun + load.notices + 2 * load.requests
    meter.use(Service.MESSAGES, prices.API_GATEWAY_MESSAGE, messages)
    meter.use(Service.MINUTES, prices.API_GATEWAY_MINUTE, load.connected_minutes)
    _transfer(meter, load.bytes_out(channel))
    if load.options.site:  # the function that adds the stage to the path of each handshake
        meter.use(Service.TRANSFER, prices.CLOUDFRONT_FUNCTION, load.sessions)

    for seconds in (measured.CONNECT_S, measured.SUBSCRIBE_S, measured.DISCONNECT_S):
        meter.invoke(load.sessions, seconds, measured.ROUTE_GB, measured.ACCESS_LOG_BYTES)
        meter.trace(load.sessions, load.heard_s)
    meter.invoke(load.requests, measured.REQUEST_S, measured.ROUTE_GB, measured.ACCESS_LOG_BYTES)
    meter.trace(load.requests, load.heard_s)
    # connect, disconnect; the snapshot, the audience, the lease. Each message is counted in the connection's item,
    # which takes a read and a write. That write brings the subscription; `rates` has one more, and reads twice.
    counted = load.sessions + load.requests
    apart = load.sessions * has_one_frame_per_symbol(channel)
    meter.use(Service.DYNAMODB, prices.DYNAMODB_WRITE, load.sessions * 2 + counted + apart)
    snapshots_read = (counted + apart) * measured.SNAPSHOT_READ_UNITS
    meter.use(Service.DYNAMODB, prices.DYNAMODB_READ, snapshots_read + load.sessions * 2 + counted)
    _store(meter, load.connections * measured.CONNECTION_STORED_BYTES)


def _publish(meter: _Meter, posting_s: Decimal, connection_reads: Decimal) -> None:
    """Add the stream's Lambda with the seconds of posting and the read units of an invocation."""
    load = meter.load
    with_frames = load.changes + load.heartbeats
    meter.invoke(with_frames, measured.PUBLISH_BEGINS_S + posting_s, measured.PUBLISH_GB, measured.PUBLISH_LOG_BYTES)
    meter.invoke(load.unheard_ticks, measured.PUBLISH_BEGINS_S, measured.PUBLISH_GB, measured.PUBLISH_LOG_BYTES)
    meter.trace(load.snapshots, MONTH_S)
    # The audience and the places on `rates` are read after each batch, and the audience is written if it changed: at
    # most once per client that comes or goes.
    audience_reads = 2 * (with_frames + load.unheard_ticks)
    meter.use(Service.DYNAMODB, prices.DYNAMODB_READ, with_frames * connection_reads + audience_reads)
    meter.use(Service.DYNAMODB, prices.DYNAMODB_WRITE, min(with_frames, load.sessions * 2))


def _this(meter: _Meter) -> None:
    """Bill one frame per connection at the allowed rate, and a consistent query of each partition."""
    load, channel = meter.load, meter.load.options.channel
    _api_gateway(meter, channel)
    posts = load.posts_a_tick(channel)
    # This is the time of all workers together, apart from each one's initial burst.
    posting_s = max(posts * measured.CPU_PER_POST_S, (posts - measured.BURST) / measured.RATE_PER_S)
    partitions = partitions_of(FeedConfig().connection_shards)
    of_a_partition = _pages(load.connections * measured.CONNECTION_ITEM_BYTES / partitions)
    _publish(meter, posting_s, partitions * max(Decimal(1), of_a_partition))


def _loop(meter: _Meter) -> None:
    """Bill one message per symbol and connection with boto3, after an eventually consistent scan."""
    load = meter.load
    _api_gateway(meter, RATES)
    posting_s = load.posts_a_tick(RATES) * measured.LOOP_CPU_PER_POST_S
    _publish(meter, posting_s, _pages(load.connections * measured.CONNECTION_ITEM_BYTES) / 2)


def _pages(size_bytes: Decimal) -> Decimal:
    return _ceil(size_bytes / 4096)


def _appsync(meter: _Meter) -> None:
    """Bill one event from `publish`, delivered to all subscribers of the channel."""
    load, frames, channel = meter.load, meter.load.frames, meter.load.options.channel
    unit = prices.APPSYNC_OPERATION_BYTES
    each = load.received(channel, partial(metered, unit_bytes=unit))
    # A session connects, subscribes and gets a snapshot published to it.
    begun = 2 + 2 * metered(frames.snapshot[channel], unit)
    operations = (1 + load.connections) * each
    operations += load.sessions * begun + load.notices + 2 * load.requests
    meter.use(Service.MESSAGES, prices.APPSYNC_OPERATION, operations)
    meter.use(Service.MINUTES, prices.APPSYNC_MINUTE, load.connected_minutes)
    requests = _ceil(frames.a_tick(channel) / measured.APPSYNC_EVENTS_A_REQUEST)
    _managed_broker(meter, requests * measured.APPSYNC_PUBLISH_S)


def _iot(meter: _Meter) -> None:
    """Bill MQTT over WebSocket, where a new subscriber gets the snapshot as a retained message."""
    load, frames, channel = meter.load, meter.load.frames, meter.load.options.channel
    unit, topic = prices.IOT_MESSAGE_BYTES, measured.IOT_TOPIC_BYTES
    each = load.received(channel, partial(metered, unit_bytes=unit, more_bytes=topic))
    begun = 2 + metered(frames.snapshot[channel], unit, topic)
    messages = (1 + load.connections) * each
    messages += load.snapshots * metered(frames.snapshot[channel], unit, topic)  # retained, published at each tick
    messages += load.sessions * begun + load.notices + 2 * load.requests
    meter.use(Service.MESSAGES, prices.IOT_MESSAGE, messages)
    meter.use(Service.MINUTES, prices.IOT_MINUTE, load.connected_minutes)
    _managed_broker(meter, frames.a_tick(channel) * measured.IOT_PUBLISH_S)


def _managed_broker(meter: _Meter, publishing_s: Decimal) -> None:
    """Bill a broker that knows its subscribers: one Lambda publishes, another serves new subscribers."""
    load = meter.load
    _publish(meter, publishing_s, Decimal(0))
    meter.invoke(load.sessions + load.requests, measured.SUBSCRIBE_S, measured.ROUTE_GB)
    meter.trace(load.sessions + load.requests, load.heard_s)
    reads = (load.sessions + load.requests) * measured.SNAPSHOT_READ_UNITS
    meter.use(Service.DYNAMODB, prices.DYNAMODB_READ, reads)
    _transfer(meter, load.bytes_out(load.options.channel))


def _fargate(meter: _Meter, *, deflated: bool = False) -> None:
    """Bill tasks that hold the sockets and read the snapshot at each tick, behind an Application Load Balancer."""
    load, channel = meter.load, meter.load.options.channel
    size_bytes = load.bytes_out(channel, deflated=deflated)
    tasks = _tasks(load.posts_a_tick(channel) / load.options.tick_s, load.connections)
    hours = load.heard_s / 3600
    task_hours = tasks * hours + measured.TASKS_AT_LEAST * (MONTH_HOURS - hours)
    meter.use(Service.SERVERS, prices.FARGATE_VCPU_HOUR, task_hours * measured.TASK_VCPU)
    meter.use(Service.SERVERS, prices.FARGATE_GB_HOUR, task_hours * measured.TASK_GB)
    meter.use(Service.SERVERS, prices.BALANCER_HOUR, MONTH_HOURS)
    if hours:
        units = max(
            load.connections / prices.BALANCER_UNIT_CONNECTIONS,
            load.sessions / load.heard_s / prices.BALANCER_UNIT_NEW_PER_S,
            size_bytes / GB / hours / prices.BALANCER_UNIT_GB_PER_HOUR,
        )
        meter.use(Service.SERVERS, prices.BALANCER_UNIT_HOUR, units * hours)
    # One address per task, which needs no NAT then, and one per zone for the balancer.
    meter.use(Service.SERVERS, prices.ADDRESS_HOUR, task_hours + measured.TASKS_AT_LEAST * MONTH_HOURS)
    reads = (load.ticks * tasks + load.unheard_ticks * measured.TASKS_AT_LEAST) * measured.SNAPSHOT_READ_UNITS / 2
    meter.use(Service.DYNAMODB, prices.DYNAMODB_READ, reads)
    meter.log_bytes += load.sessions * measured.TASK_LOG_BYTES
    _transfer(meter, size_bytes)


def _documents(meter: _Meter) -> None:
    """Bill readers of `rates.json` through CloudFront, each once in a tick; a cache asks the feed once in a tick."""
    load, frames = meter.load, meter.load.frames
    readings = load.connections * load.heard_s / load.options.interval_s
    meter.use(Service.TRANSFER, prices.CLOUDFRONT_REQUEST, readings)
    meter.use(Service.TRANSFER, prices.CLOUDFRONT_FUNCTION, readings)
    sent = readings * (frames.document + measured.RESPONSE_HEADER_BYTES)
    meter.use(Service.TRANSFER, prices.CLOUDFRONT_OUT_GB, sent / GB)
    fetched = min(readings, load.ticks * measured.CACHES)
    meter.use(Service.MESSAGES, prices.HTTP_API_REQUEST, fetched)
    meter.invoke(fetched, measured.DOCUMENT_S, measured.ROUTE_GB, measured.ACCESS_LOG_BYTES)
    meter.trace(fetched, load.heard_s)
    # The snapshot; a reader counts as a listener, which is written twice a minute.
    meter.use(Service.DYNAMODB, prices.DYNAMODB_READ, fetched * measured.SNAPSHOT_READ_UNITS)
    meter.use(Service.DYNAMODB, prices.DYNAMODB_WRITE, min(fetched, load.heard_s / 30))
    _publish(meter, Decimal(0), Decimal(0))


def _tasks(frames_a_second: Decimal, connections: Decimal) -> Decimal:
    by_cpu = frames_a_second * measured.TASK_CPU_PER_FRAME_S / measured.TASK_CPU_SHARE / measured.TASK_VCPU
    return max(Decimal(measured.TASKS_AT_LEAST), _ceil(connections / measured.TASK_CONNECTIONS), _ceil(by_cpu))


def _ceil(quantity: Decimal) -> Decimal:
    return quantity.to_integral_value(ROUND_CEILING)


_DESIGNS: dict[Design, Callable[[_Meter], None]] = {
    Design.THIS: _this,
    Design.LOOP: _loop,
    Design.APPSYNC: _appsync,
    Design.IOT: _iot,
    Design.FARGATE: _fargate,
    Design.FARGATE_DEFLATE: lambda meter: _fargate(meter, deflated=True),
    Design.HTTP: _documents,
    Design.HIDDEN: _this,
    Design.PLAN: _this,
}
