"""What the message routes have in common: read the frame, act on it, and let the client know when that fails."""

from collections.abc import Callable, Mapping
from typing import Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from shared.gateway import Gateway, Gone, PostFailed
from shared.protocol import BadRequest, Message, error_frame, parse_message
from shared.store.connections_table import NotConnected

logger = Logger(child=True)


def route(event: Mapping[str, Any], gateway: Gateway, act: Callable[[str, Message], None]) -> dict[str, int]:
    """Call `act` with the connection's ID and the message, and post an error frame for what it raises.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html

    Replies go through the gateway only: a returned body reaches the client on some deployments and not on others.
    """
    connection_id = event["requestContext"]["connectionId"]
    message_id = None
    try:
        try:
            message = parse_message(event.get("body"))
            message_id = message.message_id
            act(connection_id, message)
        except BadRequest as error:
            gateway.post(connection_id, error_frame(error.code, str(error), error.message_id))
        except (ClientError, BotoCoreError):
            logger.exception("a request failed")
            text = "the feed could not do this just now; try again"
            gateway.post(connection_id, error_frame("unavailable", text, message_id))
    except (Gone, NotConnected):
        logger.info("the client left before its answer")
    except PostFailed as error:
        logger.warning("an answer did not arrive", error=str(error))
    return {"statusCode": 200}
