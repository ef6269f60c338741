"""Messages whose event is the name of a route that API Gateway keeps for itself, `$connect` or `$disconnect`.

API Gateway gives them to the function behind that route, which must not run it.
"""

from collections.abc import Mapping
from typing import Any

from shared.gateway import open_gateway
from shared.model.message_limit import MessageLimit
from shared.model.values import Connection
from shared.protocol import Message, unknown_event
from shared.requests.routes import Admission, route
from shared.settings import MisnamedSettings
from shared.store.connections_table import ConnectionsTable


class Misnamed:
    """Counts each of these messages and answers with an error, as for any unknown event."""

    def __init__(self, settings: MisnamedSettings, connections: ConnectionsTable) -> None:
        self._gateway = open_gateway(settings.connections_url)
        limit = MessageLimit(settings.messages_per_minute, settings.message_burst)
        self._admission = Admission(connections, limit)

    def __call__(self, event: Mapping[str, Any]) -> dict[str, int]:
        return route(event, self._gateway, self._admission, _refuse)


def _refuse(_connection: Connection, message: Message) -> None:
    raise unknown_event(message.event, message.message_id)
