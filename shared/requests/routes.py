"""What the message routes have in common: count the message, read it, act on it, and let the client know when that
fails."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from shared.gateway import Gateway, Gone, PostFailed
from shared.model.message_limit import CLOSED_AFTER, MessageLimit, RateLimited
from shared.model.values import Connection
from shared.protocol import BadRequest, Message, error_frame, parse_message, rate_limited_frame
from shared.store.connections_table import ConnectionsTable, NotConnected

logger = Logger(child=True)

Act = Callable[[Connection, Message], None]
Admit = Callable[[str], Connection]


class Admission:
    """Counts the messages of connections against a limit."""

    def __init__(self, connections: ConnectionsTable, limit: MessageLimit) -> None:
        self._connections = connections
        self._limit = limit

    def __call__(self, connection_id: str) -> Connection:
        """The connection whose message it is. Raises: RateLimited, NotConnected."""
        return self._connections.count_message(connection_id, self._limit, time.time_ns() // 1_000_000)


def route(event: Mapping[str, Any], gateway: Gateway, admit: Admit, act: Act) -> dict[str, int]:
    """Call `act` with the connection and its message, and post an error frame for what it raises.

    `admit` counts the message, whatever it is, and raises RateLimited. Who is far over the limit is closed.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html

    Replies go through the gateway only: a returned body reaches the client on some deployments and not on others.
    """
    connection_id = event["requestContext"]["connectionId"]
    message = _read(event.get("body"))
    try:
        try:
            connection = admit(connection_id)
            if isinstance(message, BadRequest):
                raise message
            act(connection, message)
        except BadRequest as error:
            gateway.post(connection_id, error_frame(error.code, str(error), error.message_id))
        except RateLimited as error:
            if error.over >= CLOSED_AFTER:
                logger.warning("closed, for its messages", over=error.over)
                gateway.close(connection_id)
            else:
                gateway.post(connection_id, rate_limited_frame(error.retry_in_ms, message.message_id))
        except (ClientError, BotoCoreError):
            logger.exception("a request failed")
            text = "the feed could not do this just now; try again"
            gateway.post(connection_id, error_frame("unavailable", text, message.message_id))
    except (Gone, NotConnected):
        logger.info("the client left before its answer")
    except PostFailed as error:
        logger.warning("an answer did not arrive", error=str(error))
    return {"statusCode": 200}


def _read(text: str | None) -> Message | BadRequest:
    """The message, or why it is none: that is told once it has been counted."""
    try:
        return parse_message(text)
    except BadRequest as error:
        return error
