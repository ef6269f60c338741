"""Ends clients' connections. Rare, so boto3 does it, which is loaded when it is first needed."""

from collections.abc import Callable

from shared.gateway.outcomes import Gone


def closer(connections_url: str) -> Callable[[str], None]:
    """A function that closes the connection of an ID, of the API whose `@connections` are under this address.

    It raises Gone when there is no such connection any more.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
    """

    def close(connection_id: str) -> None:
        import boto3

        client = boto3.client("apigatewaymanagementapi", endpoint_url=connections_url)
        try:
            client.delete_connection(ConnectionId=connection_id)
        except client.exceptions.GoneException as error:
            raise Gone(connection_id) from error

    return close
