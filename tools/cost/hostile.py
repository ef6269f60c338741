"""`make cost ARGS=--hostile`: the most that hostile clients can cost a day, with the default settings.

Each row is one thing, done by all of a client's connections the whole day as fast as the feed lets them. The work of a
message is that of its price (`shared/requests/prices.py`). Prices are those of the first of each month's tiers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from infra.config import FeedConfig
from infra.region_quota import document_pace, rates_places
from shared.model.channels import CHANNELS, RATES, RATES_BATCH
from shared.requests.prices import Work, kinds, price_of
from shared.store.client_places import HANDSHAKE
from tools.cost import measured, prices
from tools.cost.designs import Design, bill
from tools.cost.frames import metered
from tools.cost.workload import Options, workload

DAY_MINUTES = Decimal(1_440)
DAY_S = DAY_MINUTES * 60
MONTH_DAYS = prices.MONTH_HOURS / 24
CLIENT_CONNECTIONS = FeedConfig().max_connections_per_client or 20
CLIENTS = 100
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
CONNECTS_PER_S = Decimal(500)
KEPT_PER_S = Decimal(1_000)  # as much as one machine asks of CloudFront, which answers by itself
PLACES_READ_UNITS = 4  # of 400 places with 70 bytes each, not consistently
SAMPLED = Decimal("0.05")  # by X-Ray
POST_S = Decimal("0.003")  # of an answer with many frames, sent eight at a time
GOAL = Decimal(1)  # dollars a day of one client


@dataclass(frozen=True, slots=True)
class Attack:
    """What a connection does all day, its dollars for that, and how many connections can do it, in all and of one
    client (`None`: any number)."""

    name: str
    dollars: Decimal
    most: int | None = None
    most_of_client: int | None = None

    def cost(self, clients: int) -> Decimal:
        """Return the dollars a day of that many clients, each with all the connections that it may have."""
        of_client = _least(CLIENT_CONNECTIONS, self.most_of_client)
        return self.dollars * _least(clients * of_client, self.most)


def attacks(config: FeedConfig | None = None) -> list[Attack]:
    """Return what one connection can do, dearest first within listening and asking."""
    config = config or FeedConfig()
    heard = [
        Attack(f"listens to `{channel}`", listening(channel, config), *most_on(channel, config)) for channel in CHANNELS
    ]
    asked = [
        Attack(f"sends {name}", times_a_day(price_of(work), config) * of_a_message(work))
        for name, work in kinds().items()
    ]
    asked.append(Attack("reconnects", times_a_day(HANDSHAKE, config) * of_a_reconnect()))
    return [*heard, *sorted(asked, key=lambda attack: -attack.dollars)]


def most_on(channel: str, config: FeedConfig) -> tuple[int | None, int | None]:
    """Return how many connections may listen to a channel, in all and of one client."""
    if channel != RATES:
        return None, None
    if not config.rates:
        return 0, 0
    return rates_places(config) or None, config.max_rates_connections_per_client or None


def listening(channel: str, config: FeedConfig) -> Decimal:
    """Return the dollars of one connection that listens for a day to everything on a channel, as often as it may."""
    every_s = config.rates_every_s if channel == RATES else 0
    load = workload(Options(1, every_s or config.tick_seconds, channel))
    messages = load.received(channel, partial(metered, unit_bytes=prices.API_GATEWAY_MESSAGE_BYTES))
    posts = load.received(channel, lambda sizes: Decimal(len(sizes)))
    month = (
        prices.API_GATEWAY_MESSAGE.of(messages)
        + prices.API_GATEWAY_MINUTE.of(load.connected_minutes)
        + prices.CLOUDFRONT_OUT_GB.of(load.bytes_out(channel) / prices.GB)
        + prices.LAMBDA_GB_SECOND.of(posts / measured.RATE_PER_S * measured.PUBLISH_GB)
    )
    return month / MONTH_DAYS


def times_a_day(price: int, config: FeedConfig) -> Decimal:
    """Return how often a connection may send a message of a price: the burst, and the rate. API Gateway ends it after
    two hours; the next one takes over what it has used (`shared/store/client_places.py`)."""
    return (config.message_burst + DAY_MINUTES * config.messages_per_minute) / price


def of_a_message(work: Work) -> Decimal:
    """Return the dollars of a message and what it causes."""
    seconds = measured.REQUEST_S + work.posts * POST_S
    log_bytes = measured.INVOCATION_LOG_BYTES + measured.ACCESS_LOG_BYTES
    return (
        prices.API_GATEWAY_MESSAGE.of(Decimal(1 + work.more_messages + work.posts))
        + prices.CLOUDFRONT_OUT_GB.of(work.size_bytes / prices.GB)
        + prices.CLOUDFRONT_IN_GB.of(work.sent_bytes / prices.GB)
        + prices.DYNAMODB_READ.of(Decimal(work.read_units))
        + prices.DYNAMODB_WRITE.of(Decimal(work.write_units))
        + _invoked(seconds, log_bytes)
    )


def of_a_reconnect() -> Decimal:
    """Return the dollars of a handshake and the end of the connection, without any message. Both write the connection
    and its place, and the handshake deletes the place that it takes over; it counts the client's places twice."""
    log_bytes = measured.INVOCATION_LOG_BYTES + measured.ACCESS_LOG_BYTES
    return (
        prices.CLOUDFRONT_REQUEST.of(Decimal(1))
        + prices.CLOUDFRONT_FUNCTION.of(Decimal(1))
        + prices.DYNAMODB_WRITE.of(Decimal(5))
        + prices.DYNAMODB_READ.of(Decimal(2))
        + _invoked(measured.CONNECT_S, log_bytes)
        + _invoked(measured.DISCONNECT_S, log_bytes)
    )


def of_a_refusal() -> Decimal:
    """Return the dollars of a handshake that is refused after it has counted the places of a full block."""
    log_bytes = 2 * measured.INVOCATION_LOG_BYTES + measured.ACCESS_LOG_BYTES
    return (
        prices.CLOUDFRONT_REQUEST.of(Decimal(1))
        + prices.CLOUDFRONT_FUNCTION.of(Decimal(1))
        + prices.DYNAMODB_READ.of(Decimal(PLACES_READ_UNITS))
        + _invoked(measured.CONNECT_S, log_bytes)
    )


def of_a_document(work: Work | None) -> Decimal:
    """Return the dollars of a document: of one that does that work, or of `rates.json` from CloudFront's caches."""
    view = sum(workload(Options(1)).frames.snapshot[RATES_BATCH])  # a client may refuse compression
    size_bytes = work.size_bytes if work else view
    kept = (
        prices.CLOUDFRONT_REQUEST.of(Decimal(1))
        + prices.CLOUDFRONT_FUNCTION.of(Decimal(1))
        + prices.CLOUDFRONT_OUT_GB.of((size_bytes + measured.RESPONSE_HEADER_BYTES) / prices.GB)
    )
    if work is None:
        return kept
    fetched = prices.HTTP_API_REQUEST.of(Decimal(1)) + prices.DYNAMODB_READ.of(Decimal(work.read_units))
    return kept + fetched + _invoked(measured.DOCUMENT_S, measured.INVOCATION_LOG_BYTES + measured.ACCESS_LOG_BYTES)


def flooding() -> Mapping[str, Decimal]:
    """Return the dollars a day of what has no limit for each client: handshakes that are refused and documents that no
    cache has, as often as AWS or the stage lets all clients together, and documents from the caches."""
    candles = kinds()["`history`, 500 candles"]
    fetched_per_s = document_pace(FeedConfig()).rate
    return {
        f"is refused {CONNECTS_PER_S:,} times a second": CONNECTS_PER_S * DAY_S * of_a_refusal(),
        f"reads candles that no cache has {fetched_per_s:,} times a second": fetched_per_s
        * DAY_S
        * of_a_document(candles),
        f"reads `rates.json` {KEPT_PER_S:,} times a second": KEPT_PER_S * DAY_S * of_a_document(None),
    }


def awake() -> Decimal:
    """Return the dollars a day of a feed that somebody listens to, beyond those of one that nobody does."""
    heard, unheard = Options(1), Options(0)
    more = bill(Design.THIS, heard).total - bill(Design.THIS, unheard).total
    return more / MONTH_DAYS - listening(heard.channel, FeedConfig())


def table() -> str:
    """Return a row per attack, as Markdown: its US dollars a day for a connection, a client, and a hundred clients."""
    heads = f"one connection | one client, {CLIENT_CONNECTIONS} of them | {CLIENTS} clients"
    rows = [f"| what it does all day | {heads} |", "|---|---:|---:|---:|"]
    for attack in attacks():
        costs = (attack.dollars, attack.cost(1), attack.cost(CLIENTS))
        rows.append(f"| {attack.name} | {' | '.join(map(_dollars, costs))} |")
    for name, dollars in {**flooding(), "is the only one, so that the feed runs": awake()}.items():
        rows.append(f"| {name} | {' | '.join([_dollars(dollars)] * 3)} |")
    return "\n".join(rows)


def as_text() -> str:
    """Return the table with what it assumes."""
    return (
        f"US dollars a day at the most, {prices.REGION}, prices of {prices.LOOKED_UP}, default settings, through "
        f"CloudFront. The goal: {GOAL} for one client.\n\n{table()}\n"
    )


def _invoked(seconds: Decimal, log_bytes: Decimal) -> Decimal:
    """Return the dollars of an invocation of a route's function, with its logs, and the share of it that is traced."""
    return (
        prices.LAMBDA_REQUEST.of(Decimal(1))
        + prices.LAMBDA_GB_SECOND.of(seconds * measured.ROUTE_GB)
        + prices.CLOUDWATCH_LOGS_GB.of(log_bytes / prices.GB)
        + prices.XRAY_TRACE.of(SAMPLED)
    )


def _least(number: int, most: int | None) -> int:
    return number if most is None else min(number, most)


def _dollars(dollars: Decimal) -> str:
    return f"{dollars:,.2f}"
