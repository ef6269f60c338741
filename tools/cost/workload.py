"""A deployment's monthly work in quantities: ticks, sessions, messages, bytes. No prices here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from shared.model.assets import catalogue
from shared.model.channels import CHANNELS, RATES_COMPACT
from shared.model.pace import LONGEST_S, is_allowed
from shared.publishing.turns import TURNS_WITHOUT_SNAPSHOT
from tools.cost import measured
from tools.cost.frames import Frames, measure
from tools.cost.prices import ACCOUNT_REQUESTS_PER_S, MONTH_S

Measure = Callable[[Sequence[int]], Decimal]  # of frames, given as their sizes


def count(sizes: Sequence[int]) -> Decimal:
    return Decimal(len(sizes))


def size(sizes: Sequence[int]) -> Decimal:
    return Decimal(sum(sizes))


class BadOptions(ValueError):
    """A deployment that is impossible; the text names the option and its valid values."""


@dataclass(frozen=True, slots=True)
class Options:
    """A deployment.

    `connections`: concurrent connections for `hours` hours a day; otherwise nobody listens. `symbols`: how many each
    sees (0: all). `every_s`: the seconds between two frames to a client (0: one in each tick). `quiet`: the share of
    ticks in which nothing changes. `session_minutes`: how long a connection lasts before its client reconnects.
    `requests`: a client's requests per hour beside `subscribe`. `site`: with the page, so clients come through
    CloudFront. `standby`: an ingest whose successor took over stands by. `free_tier`: subtract the permanent free tier.
    """

    connections: int
    tick_s: int = 5
    channel: str = RATES_COMPACT
    symbols: int = 0
    every_s: int = 0
    hours: Decimal = Decimal(24)
    quiet: Decimal = Decimal(0)
    session_minutes: Decimal = Decimal(115)
    requests: Decimal = Decimal(0)
    site: bool = True
    standby: bool = True
    tracing: bool = True
    free_tier: bool = False

    def __post_init__(self) -> None:
        """Raises: BadOptions."""
        bounds = (
            ("CONNECTIONS", self.connections, 0, 100_000_000),
            ("TICK", self.tick_s, 1, 60),
            ("--symbols", self.symbols, 0, len(catalogue())),
            ("--hours", self.hours, 0, 24),
            ("--quiet", self.quiet, 0, 1),
            ("--session-minutes", self.session_minutes, 1, 120),
            ("--requests", self.requests, 0, 18_000),
        )
        for name, value, least, most in bounds:
            if not least <= value <= most:
                raise BadOptions(f"{name} is {value:,}; it must be {least:,} to {most:,}")
        if self.every_s and not is_allowed(self.every_s, self.tick_s):
            raise BadOptions(
                f"--every is {self.every_s}; it must be a multiple of the tick of {self.tick_s} s, up to {LONGEST_S}"
            )
        if self.channel not in CHANNELS:
            raise BadOptions(f"CHANNEL is {self.channel!r}; it must be {' or '.join(CHANNELS)}")

    @property
    def interval_s(self) -> int:
        """Return the seconds between two frames to a client."""
        return self.every_s or self.tick_s

    def at(self, connections: int) -> "Options":
        """Return the same deployment with another number of connections."""
        return replace(self, connections=connections)


@dataclass(frozen=True, slots=True)
class Workload:
    """A deployment's month. Rates are means; a month has 730 hours."""

    options: Options
    frames: Frames

    @property
    def connections(self) -> Decimal:
        return Decimal(self.options.connections)

    @property
    def heard_s(self) -> Decimal:
        """Return the seconds with listeners."""
        return MONTH_S * self.options.hours / 24 if self.options.connections else Decimal(0)

    @property
    def connected_minutes(self) -> Decimal:
        return self.connections * self.heard_s / 60

    @property
    def ticks(self) -> Decimal:
        """Return the ticks with listeners."""
        return self.heard_s / self.options.tick_s

    @property
    def changes(self) -> Decimal:
        """Return the ticks that send frames to listeners."""
        return self.ticks * (1 - self.options.quiet)

    @property
    def heartbeats(self) -> Decimal:
        """Return the writes and heartbeats of ticks in which nothing changed."""
        return self.heard_s * self.options.quiet / max(measured.HEARTBEAT_S, self.options.tick_s)

    @property
    def unheard_ticks(self) -> Decimal:
        """Return the ticks without listeners: one a minute, each written."""
        return (MONTH_S - self.heard_s) / measured.UNHEARD_RUN_EVERY_S

    @property
    def snapshots(self) -> Decimal:
        """Return the snapshots written: one event each for `publish`."""
        return self.changes + self.heartbeats + self.unheard_ticks

    @property
    def sessions(self) -> Decimal:
        """Return the connections opened."""
        return self.connected_minutes / self.options.session_minutes

    @property
    def requests(self) -> Decimal:
        """Return the clients' requests beside `subscribe`; each gets a reply."""
        return self.connected_minutes / 60 * self.options.requests

    @property
    def notices(self) -> Decimal:
        """Return the connections that last until their closing notice."""
        return self.sessions if self.options.session_minutes >= measured.NOTICE_MINUTES else Decimal(0)

    def received(self, channel: str, measure: Measure, *, deflated: bool = False) -> Decimal:
        """Return what one connection gets in the month after its snapshot, in frames, bytes or units."""
        frames = self.frames
        whole = measure((frames.whole_deflated if deflated else frames.whole)[channel])
        beat, share = measure((frames.heartbeat,)), _share(measured.HEARTBEAT_S, measured.WHOLE_VIEW_S)
        quiet = whole * share + beat * (1 - share)
        return self.changes * self._a_change(channel, measure, deflated=deflated) + self.heartbeats * quiet

    def _a_change(self, channel: str, measure: Measure, *, deflated: bool = False) -> Decimal:
        """Return what one connection gets in a tick that changes something: the changes of its view, a snapshot once a
        minute (with a pace of its own in one of five turns at most), or a heartbeat if it gets nothing else."""
        frames, every_s = self.frames, self.options.interval_s
        whole = measure((frames.whole_deflated if deflated else frames.whole)[channel])
        changed = measure((frames.deflated if deflated else frames.sizes)[channel]) / frames.ticks
        beat = measure((frames.heartbeat,)) * frames.silent * _share(every_s, measured.HEARTBEAT_S)
        turns = TURNS_WITHOUT_SNAPSHOT if self.options.every_s else 1
        share = _share(every_s, max(measured.WHOLE_VIEW_S, turns * every_s))
        return (whole * share + (changed + beat) * (1 - share)) * self.options.tick_s / every_s

    def frames_a_tick(self, channel: str) -> Decimal:
        """Return the mean number of frames to one connection in a tick that changes something."""
        return self._a_change(channel, count)

    def bytes_a_tick(self, channel: str) -> Decimal:
        """Return the bytes of these frames."""
        return self._a_change(channel, size)

    def posts_a_tick(self, channel: str) -> Decimal:
        return self.connections * self.frames_a_tick(channel)

    def requests_a_second(self, channel: str) -> Decimal:
        """Return the posts and clients' messages per second with listeners, which count against the account's quota."""
        if not self.heard_s:
            return Decimal(0)
        # A session sends one message and gets the acknowledgement, the snapshot and perhaps the closing notice.
        begun = (self.sessions * (2 + len(self.frames.snapshot[channel])) + self.notices) / self.heard_s
        return self.posts_a_tick(channel) / self.options.tick_s + begun + 2 * self.requests / self.heard_s

    def bytes_out(self, channel: str, *, deflated: bool = False) -> Decimal:
        """Return the bytes of frames to clients, without TCP, TLS and WebSocket headers."""
        # A session's first and last frames are not compressed here: they are one frame in a thousand.
        begun = self.sessions * (sum(self.frames.snapshot[channel]) + self.frames.acknowledged)
        ended = self.notices * self.frames.closing
        ticks = self.connections * self.received(channel, size, deflated=deflated)
        return ticks + begun + ended + self.requests * self.frames.heartbeat


def _share(every_s: int, of_s: int) -> Decimal:
    """Return how often an event with that period falls into a tick of that length."""
    return min(Decimal(1), Decimal(every_s) / of_s)


def workload(options: Options) -> Workload:
    """Return the deployment's month, with the frames measured for its pace and its view."""
    return Workload(options, measure(options.interval_s, options.symbols or None))


def most_connections(options: Options, share: Decimal = Decimal(1)) -> int:
    """Return how many connections can get every tick of that channel within that share of the account's quota."""
    one = workload(replace(options, connections=1, hours=Decimal(24)))
    return int(ACCOUNT_REQUESTS_PER_S * share / one.requests_a_second(options.channel))
