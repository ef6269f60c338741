"""What a deployment is asked to do in a month, in quantities: ticks, sessions, messages, bytes. No prices here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from shared.protocol import CHANNELS, RATES_BATCH
from tools.cost import measured
from tools.cost.frames import Frames, measure
from tools.cost.prices import ACCOUNT_REQUESTS_PER_S, MONTH_S

Measure = Callable[[Sequence[int]], Decimal]  # of frames, given as their sizes


def count(sizes: Sequence[int]) -> Decimal:
    return Decimal(len(sizes))


def size(sizes: Sequence[int]) -> Decimal:
    return Decimal(sum(sizes))


class BadOptions(ValueError):
    """A deployment that cannot be; the text says which option and what it may be."""


@dataclass(frozen=True, slots=True)
class Options:
    """A deployment.

    `connections`: how many there are at the same time, for `hours` hours a day; else nobody listens. `symbols`: how
    many each sees (0: all). `quiet`: in which share of the ticks nothing changes. `session_minutes`: how long a
    connection lasts before its client connects anew. `requests`: what a client asks per hour beside `subscribe`.
    `site`: with the page, so that clients come through CloudFront. `free_tier`: count what is free each month for good.
    """

    connections: int
    tick_s: int = 5
    channel: str = RATES_BATCH
    symbols: int = 0
    hours: Decimal = Decimal(24)
    quiet: Decimal = Decimal(0)
    session_minutes: Decimal = Decimal(115)
    requests: Decimal = Decimal(0)
    site: bool = True
    tracing: bool = True
    free_tier: bool = False

    def __post_init__(self) -> None:
        """Raises: BadOptions."""
        bounds = (
            ("CONNECTIONS", self.connections, 0, 100_000_000),
            ("TICK", self.tick_s, 1, 60),
            ("--symbols", self.symbols, 0, 75),
            ("--hours", self.hours, 0, 24),
            ("--quiet", self.quiet, 0, 1),
            ("--session-minutes", self.session_minutes, 1, 120),
            ("--requests", self.requests, 0, 18_000),
        )
        for name, value, least, most in bounds:
            if not least <= value <= most:
                raise BadOptions(f"{name} is {value:,}; it is {least:,} to {most:,}")
        if self.channel not in CHANNELS:
            raise BadOptions(f"CHANNEL is {self.channel!r}; it is {' or '.join(CHANNELS)}")

    def at(self, connections: int) -> "Options":
        """The same deployment with another number of connections."""
        return replace(self, connections=connections)


@dataclass(frozen=True, slots=True)
class Workload:
    """A month of it. Rates are means; a month has 730 hours."""

    options: Options
    frames: Frames

    @property
    def connections(self) -> Decimal:
        return Decimal(self.options.connections)

    @property
    def heard_s(self) -> Decimal:
        """How long somebody listens."""
        return MONTH_S * self.options.hours / 24 if self.options.connections else Decimal(0)

    @property
    def connected_minutes(self) -> Decimal:
        return self.connections * self.heard_s / 60

    @property
    def ticks(self) -> Decimal:
        """Ticks while somebody listens."""
        return self.heard_s / self.options.tick_s

    @property
    def changes(self) -> Decimal:
        """Ticks with frames for those who listen."""
        return self.ticks * (1 - self.options.quiet)

    @property
    def heartbeats(self) -> Decimal:
        """Snapshots that are written, and heartbeats that are sent, though nothing changed."""
        return self.heard_s * self.options.quiet / max(measured.HEARTBEAT_S, self.options.tick_s)

    @property
    def unheard_ticks(self) -> Decimal:
        """Ticks with nobody listening: one a minute, whose change is written."""
        return (MONTH_S - self.heard_s) / measured.UNHEARD_RUN_EVERY_S

    @property
    def snapshots(self) -> Decimal:
        """Snapshots written: one event each for `publish`."""
        return self.changes + self.heartbeats + self.unheard_ticks

    @property
    def sessions(self) -> Decimal:
        """Connections made."""
        return self.connected_minutes / self.options.session_minutes

    @property
    def requests(self) -> Decimal:
        """What clients ask beside `subscribe`; a reply goes back for each."""
        return self.connected_minutes / 60 * self.options.requests

    @property
    def notices(self) -> Decimal:
        """Connections that last until they are told that their end is near."""
        return self.sessions if self.options.session_minutes >= measured.NOTICE_MINUTES else Decimal(0)

    def heard(self, channel: str, measure: Measure, *, deflated: bool = False) -> Decimal:
        """What one connection hears in the month, after its snapshot, as that measure has it: frames, bytes, units."""
        frames = self.frames
        whole = measure((frames.snapshot_deflated if deflated else frames.snapshot)[channel])
        beat, share = measure((frames.heartbeat,)), _share(measured.HEARTBEAT_S, measured.WHOLE_VIEW_S)
        quiet = whole * share + beat * (1 - share)
        return self.changes * self._a_change(channel, measure, deflated=deflated) + self.heartbeats * quiet

    def _a_change(self, channel: str, measure: Measure, *, deflated: bool = False) -> Decimal:
        """What one connection hears in a tick that changes something: what changed of its view, or its whole view once
        a minute, or a heartbeat where it hears nothing else."""
        frames, tick_s = self.frames, self.options.tick_s
        whole = measure((frames.snapshot_deflated if deflated else frames.snapshot)[channel])
        changed = measure((frames.deflated if deflated else frames.sizes)[channel]) / frames.ticks
        beat = measure((frames.heartbeat,)) * frames.silent * _share(tick_s, measured.HEARTBEAT_S)
        share = _share(tick_s, measured.WHOLE_VIEW_S)
        return whole * share + (changed + beat) * (1 - share)

    def frames_a_tick(self, channel: str) -> Decimal:
        """Frames to one connection in a tick that changes something, on average."""
        return self._a_change(channel, count)

    def bytes_a_tick(self, channel: str) -> Decimal:
        """The bytes of these frames."""
        return self._a_change(channel, size)

    def posts_a_tick(self, channel: str) -> Decimal:
        return self.connections * self.frames_a_tick(channel)

    def requests_a_second(self, channel: str) -> Decimal:
        """What counts against the account's quota while somebody listens: posts and clients' messages."""
        if not self.heard_s:
            return Decimal(0)
        # A session has a message in and, to begin with, the acknowledgement and the snapshot; it may hear of its end.
        begun = (self.sessions * (2 + len(self.frames.snapshot[channel])) + self.notices) / self.heard_s
        return self.posts_a_tick(channel) / self.options.tick_s + begun + 2 * self.requests / self.heard_s

    def bytes_out(self, channel: str, *, deflated: bool = False) -> Decimal:
        """Bytes of frames to clients. TCP, TLS and WebSocket headers are not in it."""
        # What a session begins and ends with is not compressed here: it is one frame in a thousand.
        begun = self.sessions * (sum(self.frames.snapshot[channel]) + self.frames.acknowledged)
        ended = self.notices * self.frames.closing
        heard = self.connections * self.heard(channel, size, deflated=deflated)
        return heard + begun + ended + self.requests * self.frames.heartbeat


def _share(every_s: int, of_s: int) -> Decimal:
    """How often what comes once in so many seconds falls into a tick of that length."""
    return min(Decimal(1), Decimal(every_s) / of_s)


def workload(options: Options) -> Workload:
    """The deployment's month, with frames as they are measured for its tick and its view."""
    return Workload(options, measure(options.tick_s, options.symbols or None))


def most_connections(options: Options, share: Decimal = Decimal(1)) -> int:
    """How many connections can hear every tick of that channel within that share of the account's quota."""
    one = workload(replace(options, connections=1, hours=Decimal(24)))
    return int(ACCOUNT_REQUESTS_PER_S * share / one.requests_a_second(options.channel))
