"""Closes clients' connections. This is rare, so it uses boto3, which it imports on first use."""

from collections.abc import Callable
from http import HTTPStatus

from botocore.credentials import Credentials

from shared.aws import LIMITS
from shared.gateway.outcomes import Gone, PostFailed


def closer(connections_url: str, ca_file: str, credentials: Credentials | None, region: str) -> Callable[[str], None]:
    """A function that closes a connection, given its ID. `connections_url` is the address of the API's `@connections`.

    The function raises Gone when the connection no longer exists and PostFailed when the service refuses or does not
    answer.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
    """

    def close(connection_id: str) -> None:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            keys = credentials.get_frozen_credentials() if credentials else None
            client = boto3.client(
                "apigatewaymanagementapi",
                endpoint_url=connections_url,
                region_name=region,
                aws_access_key_id=keys and keys.access_key,
                aws_secret_access_key=keys and keys.secret_key,
                aws_session_token=keys and keys.token,
                verify=ca_file,
                config=LIMITS,
            )
            client.delete_connection(ConnectionId=connection_id)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            raise Gone(connection_id) if status == HTTPStatus.GONE else PostFailed(f"not closed: {status}") from error
        except BotoCoreError as error:
            raise PostFailed(f"not closed: {error}") from error

    return close
