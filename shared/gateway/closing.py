"""Ends clients' connections. Rare, so boto3 does it, which is loaded when it is first needed."""

from collections.abc import Callable
from http import HTTPStatus

from shared.gateway.outcomes import Gone, PostFailed


def closer(connections_url: str) -> Callable[[str], None]:
    """A function that closes the connection of an ID, of the API whose `@connections` are under this address.

    It raises Gone when there is no such connection any more, and PostFailed when the service does not do it.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
    """

    def close(connection_id: str) -> None:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError

        client = boto3.client("apigatewaymanagementapi", endpoint_url=connections_url)
        try:
            client.delete_connection(ConnectionId=connection_id)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            raise Gone(connection_id) if status == HTTPStatus.GONE else PostFailed(f"not closed: {status}") from error
        except BotoCoreError as error:
            raise PostFailed(f"not closed: {error}") from error

    return close
