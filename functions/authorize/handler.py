"""The authorizer of `$connect` with `auth=token`: lets a handshake go on to `connect`, or refuses it with 403."""

import os
import time
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.authorize.check import TokenCheck
from shared.connecting.offered import tokens_in
from shared.connecting.secret_pair import SecretPair
from shared.connecting.token_keys import TokenKeys
from shared.model.refused import Refused
from shared.settings import AuthorizeSettings, read

logger = Logger()
settings = read(AuthorizeSettings, os.environ)
check = TokenCheck(TokenKeys(SecretPair(settings.token_keys)), settings.audience)


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """A policy for this handshake and, if it is let in, what its token grants. An error refuses it with 500.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-lambda-authorizer-output.html
    """
    context = event["requestContext"]
    try:
        grant = check.grant(tokens_in(event), int(time.time()))
    except Refused as refusal:
        logger.warning(
            "token refused",
            reason=str(refusal),
            connection_id=context["connectionId"],
            request_id=context["requestId"],
        )
        return _answer("nobody", "Deny", event["methodArn"], {})
    return _answer(grant.subject, "Allow", event["methodArn"], grant.as_context())


def _answer(principal: str, effect: str, resource: str, context: dict[str, str | int]) -> dict[str, Any]:
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": principal, "policyDocument": policy, "context": context}
