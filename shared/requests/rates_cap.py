"""Who may listen to `rates`: its frames cost 30 times as much as those of `rates_batch`, so it has a cap of its own."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from shared.model.channels import RATES, RATES_BATCH
from shared.model.values import Connection
from shared.protocol import BadRequest, Message
from shared.store.client_rates import ClientRates
from shared.store.rates_places import RatesPlaces


@dataclass(frozen=True, slots=True)
class RatesCap:
    """`is_on`: whether the channel is on. `places` and `most`: where its places are counted, and how many there are;
    no limit without them. `of_client`: where those of a viewer, and of the addresses around it, are."""

    is_on: bool = True
    places: RatesPlaces | None = None
    most: int = 0
    of_client: ClientRates | None = None

    def check(self, channel: str, message: Message) -> None:
        """Let a message on a channel pass.

        Raises:
            BadRequest: the channel is off.
        """
        if channel == RATES and not self.is_on:
            raise BadRequest("channel_off", f'"{RATES}" is off; use "{RATES_BATCH}"', message.message_id)

    @contextmanager
    def taken(self, connection: Connection, channel: str, message: Message) -> Iterator[None]:
        """Take a place for a connection that subscribes to a channel, unless it has one, and give it back if the block
        raises.

        Raises:
            BadRequest: the channel is off, or all places are taken.
        """
        self.check(channel, message)
        if channel != RATES or RATES in connection.subscriptions:
            yield
            return
        self._take(connection, message)
        try:
            yield
        except BaseException:
            self._give_back(connection)
            raise

    def keep(self, connection: Connection, channel: str, message: Message) -> None:
        """Take the places of a connection that is subscribed to a channel if it has lost them: another message of it
        may have given them back before its subscription was written. Where viewers have no limits, nothing tells that;
        then the count in each tick corrects the number.

        Raises:
            BadRequest: others have taken them meanwhile.
        """
        if channel == RATES and self.of_client and not self.of_client.has(connection, int(time.time())):
            self._take(connection, message)

    def give_back(self, connection: Connection) -> None:
        """Give back the places of a connection that has unsubscribed, if it had some."""
        if RATES in connection.subscriptions:
            self._give_back(connection)

    def _take(self, connection: Connection, message: Message) -> None:
        if self.of_client and (why := self.of_client.take(connection, int(time.time()))):
            text = f'{why} connections on "{RATES}", which is all; use "{RATES_BATCH}"'
            raise BadRequest("channel_full", text, message.message_id)
        if self.places and self.most and not self.places.take(self.most):
            if self.of_client:
                self.of_client.give_back(connection)
            text = f'"{RATES}" has {self.most} connections and takes no more; use "{RATES_BATCH}"'
            raise BadRequest("channel_full", text, message.message_id)

    def _give_back(self, connection: Connection) -> None:
        if self.of_client:
            self.of_client.give_back(connection)
        if self.places and self.most:
            self.places.give_back()


NO_CAP = RatesCap()
