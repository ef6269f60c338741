"""What a message costs: the most that it makes the feed do, and its price in the connection's limit.

The price is how many plain messages a message counts as. It follows from the work, weighed by AWS's prices, and is
known before the work is done. So the limit bounds what one connection can cause, whatever it asks (`most_in`).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from types import MappingProxyType

from shared.model.assets import catalogue
from shared.model.channels import RATES, RATES_BATCH, RATES_COMPACT, has_one_frame_per_symbol, has_rows
from shared.model.message_limit import CLOSED_AFTER, MessageLimit
from shared.model.values import Connection
from shared.protocol import MAX_FRAME_BYTES, MAX_MESSAGE_BYTES, BadRequest, Message, parse_subscription, symbols_of
from shared.requests.history import DEFAULT_LIMIT, parse_history
from shared.requests.subscriptions import TRIES as ROUNDS
from shared.store.candle_blocks_table import BLOCK
from shared.store.candles_table import MAX_READ

# In billionths of a US dollar, us-east-1; `tests/requests/test_prices.py` holds them to the cost model's prices.
POST = 1_000  # API Gateway, for each started 32 KB; a message from a client costs the same
POST_BYTES = 32 * 1_024
READ_UNIT, WRITE_UNIT = 125, 625
KILOBYTE, KILOBYTE_SENT = 83, 20  # through CloudFront, to a client and from it
# The message itself; its invocation, 40 ms at 512 MB; its log lines, and the share of them that are traced.
ARRIVAL = POST + 1_300


@dataclass(frozen=True, slots=True)
class Work:
    """The most that a message makes the feed do: posts to its sender, their bytes, DynamoDB's read and write units.
    `sent_bytes`: its own length, if it is longer than the feed reads."""

    posts: int
    size_bytes: int
    read_units: int
    write_units: int
    sent_bytes: int = 0

    @property
    def cost(self) -> int:
        """What it costs, in billionths of a US dollar."""
        units = self.read_units * READ_UNIT + self.write_units * WRITE_UNIT
        through = self.size_bytes * KILOBYTE // 1_024 + self.sent_bytes * KILOBYTE_SENT // 1_024
        return ARRIVAL + (self.posts + self.more_messages) * POST + units + through

    @property
    def more_messages(self) -> int:
        """The messages beyond the first that API Gateway counts its own length as."""
        return max(0, -(-self.sent_bytes // POST_BYTES) - 1)


# Sizes that the tests hold: those of the items on a simulated day, and frames with a third to spare.
SNAPSHOT_READ_UNITS, EXPLANATIONS_READ_UNITS, TRENDS_READ_UNITS = 3, 2, 2
LEASE_READ_UNITS = AUDIENCE_READ_UNITS = 1
QUOTE_BYTES = 320  # in a frame of its own, with an id
VIEW_BYTES = 24_000
ROWS_VIEW_BYTES = 11_000  # the same view as rows, with its legend
NAMES_BYTES = 16_000  # the acknowledgement of a message that names as many symbols as fit, none of which exists
ASSETS_BYTES, EXPLAIN_BYTES, TRENDS_BYTES, TRENDS_POSTS = 16_000, 6_000, 24_000, 3
CANDLE_BYTES, CANDLE_ITEM_BYTES, BLOCK_BYTES, MOST_BLOCKS = 110, 170, 6_000, 10
READ_UNIT_BYTES = 4_096
# Each message reads its connection and counts itself there; the item is over 1 KB if it names many symbols.
ITEM_READ_UNITS, ITEM_WRITE_UNITS = 1, 2
MARK_READ_UNITS, MARK_WRITE_UNITS = 8, 1  # a viewer's places on `rates`, in a block of 400 (`client_rates`)
TURN_WRITE_UNITS = 2  # a long answer waits for its turn (`shared/store/answer_pace.py`)

PLAIN = Work(1, 4_000, ITEM_READ_UNITS, ITEM_WRITE_UNITS)
TOO_LARGE = replace(PLAIN, sent_bytes=128 * 1_024)  # API Gateway takes no longer one


def price(message: Message | BadRequest, connection: Connection) -> int:
    """How many plain messages the message of this connection counts as, at least 1."""
    return price_of(work(message, connection))


def price_over(message: Message | BadRequest) -> int:
    """How many plain messages it counts as over the limit. The feed then does not act on it, but it has arrived."""
    return price_of(TOO_LARGE) if _is_too_large(message) else 1


def price_of(done: Work) -> int:
    """The price of some work."""
    return -(-done.cost // PLAIN.cost)


def work(message: Message | BadRequest, connection: Connection) -> Work:
    """The most that the message can make the feed do. One that will be refused is a plain message, unless it is too
    large."""
    if _is_too_large(message):
        return TOO_LARGE
    if isinstance(message, BadRequest) or message.event not in _WORK:
        return PLAIN
    try:
        return _WORK[message.event](message, connection)
    except BadRequest:
        return PLAIN


def snapshot_work(channel: str, symbols: int) -> Work:
    """The work of a `snapshot` of that many symbols."""
    posts, size_bytes = _view(channel, symbols)
    turn = TURN_WRITE_UNITS if has_one_frame_per_symbol(channel) else 0
    return Work(posts, size_bytes, ITEM_READ_UNITS + SNAPSHOT_READ_UNITS, ITEM_WRITE_UNITS + turn)


def subscribe_work(channel: str, symbols: int) -> Work:
    """The work of a `subscribe` to that many symbols: the acknowledgement, the view, and what ticks changed meanwhile.
    The subscription, the audience and a place on `rates` are written, and perhaps the claim to wake the ingest. Of
    simultaneous ones on the other channels, all but one first try to write the subscription with the count."""
    posts, size_bytes = _view(channel, symbols)
    is_capped = has_one_frame_per_symbol(channel)
    ticks = ROUNDS if is_capped else 1
    snapshots = 1 + ticks + (ticks > 1)
    return Work(
        1 + (1 + ticks) * posts,
        NAMES_BYTES + (1 + ticks) * size_bytes,
        ITEM_READ_UNITS
        + snapshots * SNAPSHOT_READ_UNITS
        + AUDIENCE_READ_UNITS
        + LEASE_READ_UNITS
        + is_capped * 2 * MARK_READ_UNITS,
        (2 if is_capped else 3) * ITEM_WRITE_UNITS + 2 + is_capped * (1 + TURN_WRITE_UNITS + MARK_WRITE_UNITS),
    )


def history_work(limit: int) -> Work:
    """The work of a `history` of that many candles: the snapshot, the feed's own candles, and the exchanges' blocks."""
    size_bytes = 1_000 + limit * CANDLE_BYTES
    blocks = min(MOST_BLOCKS, 2 * (limit // BLOCK + 2))
    own = -(-limit * CANDLE_ITEM_BYTES // READ_UNIT_BYTES)
    past = -(-blocks * BLOCK_BYTES // READ_UNIT_BYTES // 2)  # this read need not be consistent
    reads = ITEM_READ_UNITS + SNAPSHOT_READ_UNITS + own + past
    return Work(1 + size_bytes // MAX_FRAME_BYTES, size_bytes, reads, ITEM_WRITE_UNITS)


ASSETS = Work(1, ASSETS_BYTES, ITEM_READ_UNITS + SNAPSHOT_READ_UNITS, ITEM_WRITE_UNITS)
EXPLAIN = Work(1, EXPLAIN_BYTES, ITEM_READ_UNITS + EXPLANATIONS_READ_UNITS, ITEM_WRITE_UNITS)
TRENDS = Work(TRENDS_POSTS, TRENDS_BYTES, ITEM_READ_UNITS + TRENDS_READ_UNITS, ITEM_WRITE_UNITS)
UNSUBSCRIBE = Work(1, NAMES_BYTES, 3 * ITEM_READ_UNITS, 2 * ITEM_WRITE_UNITS + 1 + MARK_WRITE_UNITS)


def kinds() -> dict[str, Work]:
    """The dearest message of each kind, by what it asks."""
    everything = len(catalogue())
    return {
        f"`subscribe` to `{RATES}`": subscribe_work(RATES, everything),
        f"`subscribe` to `{RATES}`, one symbol": subscribe_work(RATES, 1),
        f"`subscribe` to `{RATES_BATCH}`": subscribe_work(RATES_BATCH, everything),
        f"`subscribe` to `{RATES_COMPACT}`": subscribe_work(RATES_COMPACT, everything),
        f"`snapshot` on `{RATES}`": snapshot_work(RATES, everything),
        f"`snapshot` on `{RATES}`, one symbol": snapshot_work(RATES, 1),
        f"`snapshot` on `{RATES_BATCH}`": snapshot_work(RATES_BATCH, everything),
        f"`snapshot` on `{RATES_COMPACT}`": snapshot_work(RATES_COMPACT, everything),
        f"`history`, {MAX_READ} candles": history_work(MAX_READ),
        f"`history`, {DEFAULT_LIMIT} candles": history_work(DEFAULT_LIMIT),
        "`trends`": TRENDS,
        "`assets`": ASSETS,
        "`explain`": EXPLAIN,
        "`unsubscribe`": UNSUBSCRIBE,
        f"a message of more than {MAX_MESSAGE_BYTES:,} bytes": TOO_LARGE,
        "any other message, one with an error included": PLAIN,
    }


def most_in(limit: MessageLimit, minutes: int) -> Work:
    """The most that one connection can cause by its messages within that many minutes. Messages over the limit count:
    each is answered, until the connection is closed."""
    plain = limit.burst + CLOSED_AFTER + minutes * limit.per_minute
    each = [(work, price_of(work)) for work in kinds().values()]

    def most(of: Callable[[Work], int]) -> int:
        return math.ceil(max(Fraction(of(work), price) for work, price in each) * plain)

    return Work(
        most(lambda work: work.posts),
        most(lambda work: work.size_bytes),
        most(lambda work: work.read_units),
        most(lambda work: work.write_units),
    )


def _is_too_large(message: Message | BadRequest) -> bool:
    return isinstance(message, BadRequest) and message.code == "too_large"


def _view(channel: str, symbols: int) -> tuple[int, int]:
    """The posts and bytes of a view. A heartbeat may follow the quotes of `rates`."""
    if has_one_frame_per_symbol(channel):
        return symbols + 1, (symbols + 1) * QUOTE_BYTES
    whole_bytes = ROWS_VIEW_BYTES if has_rows(channel) else VIEW_BYTES
    return 1, 1_000 + symbols * (whole_bytes - 1_000) // len(catalogue())


def _subscribe(message: Message, _connection: Connection) -> Work:
    asked = parse_subscription(message)
    return subscribe_work(asked.channel, len(symbols_of(asked.view)))


def _snapshot(message: Message, connection: Connection) -> Work:
    asked = parse_subscription(message)
    view = connection.subscriptions.get(asked.channel) if message.body.get("symbols") is None else asked.view
    return snapshot_work(asked.channel, len(symbols_of(view)))


def _history(message: Message, _connection: Connection) -> Work:
    return history_work(parse_history(message).limit)


_WORK: Mapping[str, Callable[[Message, Connection], Work]] = MappingProxyType(
    {
        "subscribe": _subscribe,
        "unsubscribe": lambda _message, _connection: UNSUBSCRIBE,
        "snapshot": _snapshot,
        "history": _history,
        "assets": lambda _message, _connection: ASSETS,
        "explain": lambda _message, _connection: EXPLAIN,
        "trends": lambda _message, _connection: TRENDS,
    }
)
DEAREST = max(map(price_of, kinds().values()))
