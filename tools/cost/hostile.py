"""`make cost ARGS=--hostile`: the most that hostile clients can cost a day, with the default settings.

Each row is one thing, done by all of a client's connections the whole day as fast as the feed lets them. The work of a
message is that of its price (`shared/requests/prices.py`). Prices are those of the first of each month's tiers.
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from infra.config import FeedConfig
from infra.region_quota import rates_places
from shared.model.channels import CHANNELS, RATES
from shared.requests.prices import kinds, price_of
from shared.store.client_places import HANDSHAKE
from tools.cost import floods, measured, prices
from tools.cost.designs import Design, bill
from tools.cost.frames import metered
from tools.cost.of_a_request import of_a_message, of_a_reconnect
from tools.cost.workload import Options, workload

DAY_MINUTES = Decimal(1_440)
MONTH_DAYS = prices.MONTH_HOURS / 24
CLIENT_CONNECTIONS = FeedConfig().max_connections_per_client or 20
BLOCK_CONNECTIONS = FeedConfig().max_connections_per_block
CLIENTS = 100
GOAL = Decimal(1)  # dollars a day of one client


@dataclass(frozen=True, slots=True)
class Attack:
    """What a connection does all day, its dollars for that, and how many connections can do it, in all, of one client,
    and of one block of addresses (`None`: any number)."""

    name: str
    dollars: Decimal
    most: int | None = None
    most_of_client: int | None = None
    most_of_block: int | None = None

    def cost(self, clients: int) -> Decimal:
        """Return the dollars a day of that many clients, each with all the connections that it may have."""
        of_client = _least(CLIENT_CONNECTIONS, self.most_of_client)
        return self.dollars * _least(clients * of_client, self.most)

    def cost_of_block(self) -> Decimal:
        """Return the dollars a day of a whole /24 or /48, with all the connections that it may have."""
        return self.dollars * _least(_least(BLOCK_CONNECTIONS, self.most_of_block), self.most)


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


def most_on(channel: str, config: FeedConfig) -> tuple[int | None, int | None, int | None]:
    """Return how many connections may listen to a channel, in all, of one client, and of one block of addresses."""
    if channel != RATES:
        return None, None, None
    if not config.rates:
        return 0, 0, 0
    limits = rates_places(config), config.max_rates_connections_per_client, config.max_rates_connections_per_block
    in_all, of_client, of_block = (limit or None for limit in limits)
    return in_all, of_client, of_block


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


def awake() -> Decimal:
    """Return the dollars a day of a feed that somebody listens to, beyond those of one that nobody does."""
    heard, unheard = Options(1), Options(0)
    more = bill(Design.THIS, heard).total - bill(Design.THIS, unheard).total
    return more / MONTH_DAYS - listening(heard.channel, FeedConfig())


def table() -> str:
    """Return a row per attack, as Markdown: its US dollars a day for a connection, a client, a block of addresses, and
    a hundred clients."""
    heads = (
        f"one connection | one client, {CLIENT_CONNECTIONS} of them | "
        f"one block of addresses, {BLOCK_CONNECTIONS} of them | {CLIENTS} clients"
    )
    rows = [f"| what it does all day | {heads} |", "|---|---:|---:|---:|---:|"]
    for attack in attacks():
        costs = (attack.dollars, attack.cost(1), attack.cost_of_block(), attack.cost(CLIENTS))
        rows.append(f"| {attack.name} | {' | '.join(map(_dollars, costs))} |")
    rows.append(f"| is the only one, so that the feed runs | {' | '.join([_dollars(awake())] * 4)} |")
    return "\n".join(rows)


def as_text() -> str:
    """Return the table with what it assumes."""
    return (
        f"US dollars a day at the most, {prices.REGION}, prices of {prices.LOOKED_UP}, default settings, through "
        f"CloudFront. The goal: {GOAL} for one client.\n\n{table()}\n\n"
        f"Floods of requests. No limit of a client bounds them, since AWS bills a request whatever answers it.\n\n"
        f"{floods.table()}\n"
    )


def _least(number: int, most: int | None) -> int:
    return number if most is None else min(number, most)


def _dollars(dollars: Decimal) -> str:
    return f"{dollars:,.2f}"
