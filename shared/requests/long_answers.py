"""Answers with a frame for each symbol wait for their turn, so that the posts of ticks come first."""

import time
from collections.abc import Callable

from shared.model.channels import has_one_frame_per_symbol
from shared.protocol import View, symbols_of
from shared.store.answer_pace import AnswerPace


class LongAnswers:
    """`pace`: `None` if they need not wait."""

    def __init__(self, pace: AnswerPace | None, sleep: Callable[[float], None] = time.sleep) -> None:
        self._pace = pace
        self._sleep = sleep

    def wait(self, channel: str, view: View) -> None:
        """Wait until a view may be posted. Call it before the quotes are read, which would grow old meanwhile.

        Raises:
            RateLimited: too many answers wait already.
        """
        if self._pace and has_one_frame_per_symbol(channel):
            self._sleep(self._pace.reserve(len(symbols_of(view)), time.time_ns() // 1_000_000) / 1_000)


UNPACED = LongAnswers(None)
