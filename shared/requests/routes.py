"""What the message routes share: count the message, read it, act on it, and report errors to the client."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import BotoCoreError, ClientError

from shared.gateway import Gateway, Gone, PostFailed
from shared.gateway.outcomes import THROTTLED
from shared.model.message_limit import CLOSED_AFTER, MessageLimit, RateLimited
from shared.model.values import Connection, Opening
from shared.protocol import BadRequest, Message, error_frame, parse_message, rate_limited_frame
from shared.requests.prices import price, price_over
from shared.store.connections_table import ConnectionsTable, NotConnected

logger = Logger(child=True)
CONNECTION_ID = "requestContext.connectionId"  # where an event has what every log line of its connection has

Act = Callable[[Connection, Message], None]
Admit = Callable[[str, Message | BadRequest], Connection]
OpeningOf = Callable[[Connection, Message | BadRequest], Opening | None]


class Admission:
    """Counts the messages of connections against a limit, each by its price. `opening_of`: the first subscription that
    a message asks for, if it is to be written with its count."""

    def __init__(
        self,
        connections: ConnectionsTable,
        limit: MessageLimit,
        opening_of: OpeningOf = lambda _connection, _message: None,
    ) -> None:
        self._connections = connections
        self._limit = limit
        self._opening_of = opening_of

    def __call__(self, connection_id: str, message: Message | BadRequest) -> Connection:
        """The connection that sent the message.

        Raises:
            NotConnected: the connection has ended.
            RateLimited: the message is over the limit.
        """
        now_ms = time.time_ns() // 1_000_000
        return self._connections.count_message(
            connection_id,
            self._limit,
            now_ms,
            partial(price, message),
            price_over(message),
            lambda connection: self._opening_of(connection, message),
        )


def route(event: Mapping[str, Any], gateway: Gateway, admit: Admit, act: Act) -> dict[str, int]:
    """Call `act` with the connection and its message. Post an error frame if it raises.

    `admit` counts every message and raises RateLimited. A connection far over the limit is closed, as is one whose
    token has ended. Errors of AWS become the error frame `unavailable` and count as `RequestsFailed`, as does an answer
    that cannot be posted. A client that has left is not an error, nor is one that reads too slowly for its answers.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html

    Replies go through the gateway only: API Gateway delivers a returned body on some deployments and not on others.
    """
    connection_id = event["requestContext"]["connectionId"]
    message = _read(event.get("body"))
    try:
        try:
            connection = admit(connection_id, message)
            if connection.has_ended(int(time.time())):
                logger.info("connection closed because its token has ended")
                gateway.close(connection_id)
                return {"statusCode": 200}
            if isinstance(message, BadRequest):
                raise message
            act(connection, message)
        except BadRequest as error:
            gateway.post(connection_id, error_frame(error.code, str(error), error.message_id))
        except RateLimited as error:
            if error.over >= CLOSED_AFTER:
                logger.warning("connection closed for too many messages", over=error.over)
                gateway.close(connection_id)
            else:
                gateway.post(connection_id, rate_limited_frame(error.retry_in_ms, message.message_id))
        except (ClientError, BotoCoreError):
            _count("RequestsFailed")
            logger.exception("request failed")
            text = "the feed could not do this just now; try again"
            gateway.post(connection_id, error_frame("unavailable", text, message.message_id))
    except (Gone, NotConnected):
        logger.info("client left before its answer")
    except PostFailed as error:
        _count("AnswersThrottled" if str(error) == THROTTLED else "RequestsFailed")
        logger.warning("answer did not arrive", error=str(error))
    return {"statusCode": 200}


def _count(name: str) -> None:
    with single_metric(name=name, unit=MetricUnit.Count, value=1):
        pass


def _read(text: str | None) -> Message | BadRequest:
    """The message, or the error, which is posted after the message has been counted."""
    try:
        return parse_message(text)
    except BadRequest as error:
        return error
