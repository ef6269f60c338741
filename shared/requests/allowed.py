"""What a connection's token lets it do."""

from shared.model.values import Connection
from shared.protocol import BadRequest, Message


def check_allowed(connection: Connection, channel: str, message: Message) -> None:
    """Let a message on a channel pass.

    Raises:
        BadRequest: the connection's token does not allow this channel.
    """
    if connection.allowed is not None and channel not in connection.allowed:
        raise BadRequest("channel_denied", f'your token does not allow "{channel}"', message.message_id)
