"""`make bench-bytes`: what a client of all symbols gets a minute on each channel, from one run of the simulated market.

A minute has one whole view and the changes of its other ticks, as the feed sends them. Nothing is posted: the frames
come from the feed's own encoder.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from shared.model.channels import CHANNELS, RATES_BATCH
from shared.model.delta import Delta
from shared.protocol import SnapshotFrames, UpdateFrames
from shared.publishing.periodic import SNAPSHOT_MS
from tools.cost.frames import deltas


@dataclass(frozen=True, slots=True)
class Minute:
    """The mean of a minute on a channel: its frames, and their bytes, with those of the whole view among them."""

    channel: str
    frames: float
    size_bytes: float
    view_bytes: float


def minutes_of(changes: Sequence[Delta], tick_s: int) -> list[Minute]:
    """Return the mean minute of each channel; a minute of ticks without a whole one at the end does not count."""
    ticks = SNAPSHOT_MS // 1000 // tick_s
    whole = len(changes) // ticks
    made = []
    for channel in CHANNELS:
        sizes: list[int] = []
        views: list[int] = []
        for number, delta in enumerate(changes[: whole * ticks]):
            if number % ticks == 0:
                views += map(len, SnapshotFrames(delta.new, known=delta.old).of(channel, None, knows=True))
            else:
                sizes += map(len, UpdateFrames(delta).of(channel, None))
        frames, size_bytes = len(sizes) + len(views), sum(sizes) + sum(views)
        made.append(Minute(channel, frames / whole, size_bytes / whole, sum(views) / whole))
    return made


def table(minutes: Sequence[Minute]) -> str:
    """Return the minutes as a table, each with its share of the bytes of `rates_batch`."""
    (batch,) = (minute.size_bytes for minute in minutes if minute.channel == RATES_BATCH)
    lines = ["channel         frames a minute   bytes a minute   whole view   share"]
    for each in minutes:
        share = each.size_bytes / batch
        lines.append(
            f"{each.channel:15} {each.frames:15,.1f} {each.size_bytes:16,.0f} {each.view_bytes:12,.0f} {share:7.3f}"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make bench-bytes", description=__doc__)
    parser.add_argument("--tick", type=int, default=5, choices=(1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30), help="seconds")
    parser.add_argument("--minutes", type=int, default=10)
    options = parser.parse_args(arguments)
    ticks = options.minutes * SNAPSHOT_MS // 1000 // options.tick
    print(f"{options.minutes} minutes of ticks of {options.tick} s, all symbols, simulated market, seed 1")
    print(table(minutes_of(deltas(options.tick, ticks), options.tick)))


if __name__ == "__main__":
    main()
