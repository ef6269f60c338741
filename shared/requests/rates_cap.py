"""Who may listen to `rates`: its frames cost 30 times as much as those of `rates_batch`, so it has a cap of its own."""

from dataclasses import dataclass

from shared.model.channels import RATES, RATES_BATCH
from shared.model.values import Connection
from shared.protocol import BadRequest, Message
from shared.store.rates_places import RatesPlaces


@dataclass(frozen=True, slots=True)
class RatesCap:
    """`is_on`: whether the channel is on. `places` and `most`: where its places are counted, and how many there are;
    no limit without them."""

    is_on: bool = True
    places: RatesPlaces | None = None
    most: int = 0

    def check(self, channel: str, message: Message) -> None:
        """Let a message on a channel pass.

        Raises:
            BadRequest: the channel is off.
        """
        if channel == RATES and not self.is_on:
            raise BadRequest("channel_off", f'"{RATES}" is off; use "{RATES_BATCH}"', message.message_id)

    def take(self, connection: Connection, channel: str, message: Message) -> None:
        """Take a place for a connection that subscribes to a channel, unless it has one.

        Raises:
            BadRequest: the channel is off, or all places are taken.
        """
        self.check(channel, message)
        if channel != RATES or RATES in connection.subscriptions or not (self.places and self.most):
            return
        if not self.places.take(self.most):
            text = f'"{RATES}" has {self.most} connections and takes no more; use "{RATES_BATCH}"'
            raise BadRequest("channel_full", text, message.message_id)

    def give_back(self, connection: Connection) -> None:
        """Give back the place of a connection that has unsubscribed, if it had one."""
        if RATES in connection.subscriptions and self.places and self.most:
            self.places.give_back()


NO_CAP = RatesCap()
