"""`$connect`: refuse, or store the connection. Nothing can be posted to it before this function returns."""

import os
import time
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from shared.connecting.entrance import Entrance
from shared.connecting.grant import Grant, grant_in
from shared.connecting.offered import subprotocol_for
from shared.connecting.secret_pair import SecretPair
from shared.model.logged_address import logged_address
from shared.model.message_limit import MessageLimit
from shared.model.refused import Refused
from shared.model.viewer import viewer_of_subject
from shared.requests.misnamed import Misnamed
from shared.requests.routes import CONNECTION_ID
from shared.settings import ConnectSettings, read
from shared.store.client_places import ClientPlaces, Limits
from shared.store.connection_counts import ConnectionCounts
from shared.store.connections_table import ALLOWED, ENDS, LIFETIME_S, ConnectionsTable
from shared.store.dynamodb import table

logger = Logger()
settings = read(ConnectSettings, os.environ)
items = table(settings.connections_table)
connections = ConnectionsTable(items, settings.connection_shards)
places = ClientPlaces(
    items,
    Limits(settings.max_connections_per_client, settings.max_connections_per_block),
    MessageLimit(settings.messages_per_minute, settings.message_burst),
)
counts = ConnectionCounts(items)
entrance = Entrance(
    SecretPair(settings.origin_secret) if settings.origin_secret else None,
    direct=settings.direct,
    allowed_origins=settings.allowed_origins.split(",") if settings.allowed_origins else (),
)
misnamed = Misnamed(settings, connections)


@logger.inject_lambda_context(correlation_id_path=CONNECTION_ID)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """An error refuses the connection. That is better than a connection that can never get a frame."""
    context = event["requestContext"]
    if context["eventType"] == "MESSAGE":
        return misnamed(event)
    try:
        connect(event, context["connectionId"])
    except Refused as refusal:
        logger.warning(
            "connection refused",
            reason=str(refusal),
            status=refusal.status,
            connection_id=context["connectionId"],
            request_id=context["requestId"],
        )
        return {"statusCode": refusal.status}
    return {"statusCode": 200, **headers_for(event)}


def headers_for(event: dict[str, Any]) -> dict[str, Any]:
    """API Gateway passes these on to the client.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-connect-route-subprotocol.html
    """
    headers = subprotocol_for(event)
    return {"headers": headers} if headers else {}


def connect(event: dict[str, Any], connection_id: str) -> None:
    """Raises: Refused."""
    now_ms = int(time.time() * 1000)
    now_s = now_ms // 1000
    viewer = entrance.viewer(event)
    grant = grant_in(event)
    if settings.tokens and not grant:
        raise Refused(403, "nobody has checked a token")
    most = settings.max_connections * settings.connection_shards
    if most and counts.total(now_s) >= most:
        raise Refused(429, "the feed has too many connections")
    address = logged_address(viewer.name, settings.address_key)
    if grant:
        add_with_token(grant, connection_id, now_ms)
        logger.info("connected", address=address, subject=logged_address(grant.subject, settings.address_key))
    else:
        add(connection_id, now_s, places.take(viewer, connection_id, now_s + LIFETIME_S, now_ms))
        logger.info("connected", address=address)


def add_with_token(grant: Grant, connection_id: str, now_ms: int) -> None:
    """The limits of connections are those of the token's subject, wherever it connects from.

    Raises: Refused.
    """
    now_s = now_ms // 1000
    limits = Limits(grant.max_connections or settings.max_connections_per_client)
    place = places.take(viewer_of_subject(grant.subject), connection_id, now_s + LIFETIME_S, now_ms, limits)
    allowed = {} if grant.channels is None else {ALLOWED: list(grant.channels)}
    add(connection_id, now_s, {**place, ENDS: grant.expires_s, **allowed})


def add(connection_id: str, now_s: int, attributes: Mapping[str, Any]) -> None:
    """Store a connection that has a place. If that fails the place is free again: else some failures would lock a
    viewer out for as long as a connection may last."""
    try:
        connections.add(connection_id, now_s, attributes)
    except (ClientError, BotoCoreError):
        places.give_back(attributes, connection_id)
        raise
