"""`make token`: signs a token for a deployment with `auth=token`.

`python -m tools.sign_token --help` tells the options.
"""

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt
from botocore.exceptions import BotoCoreError, ClientError

from shared.connecting.grant import grant_of
from shared.connecting.secret_pair import CURRENT
from shared.connecting.token_keys import ALGORITHM, ISSUER, kid_of
from shared.model.refused import Refused
from tools.deployment import LOCAL, PATIENT, Deployment, NotFound, find
from tools.stored_pair import stored_pair
from tools.stored_secret import TOKENS, secret_of


def main(arguments: list[str] | None = None) -> int:
    """Print the token and return 0, or say why there is none and return 1."""
    options = _parser().parse_args(arguments)
    try:
        deployment = find(options.stack, options.state)
        claims = claims_of(options, deployment.stack, int(time.time()))
        token = signed(claims, current_key(deployment))
    except (NotFound, Refused) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except (ClientError, BotoCoreError) as error:
        sys.stderr.write(f"AWS did not tell the key: {error}\n")
        return 1
    sys.stdout.write(f"{token}\n")
    return 0


def claims_of(options: argparse.Namespace, audience: str, now_s: int) -> Mapping[str, Any]:
    """Return the claims of a token that is valid from now on.

    Raises:
        Refused: the feed would not take them.
    """
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": audience,
        "sub": options.subject,
        "iat": now_s,
        "nbf": now_s,
        "exp": now_s + 60 * options.minutes,
    }
    if options.channels:
        claims["channels"] = options.channels.split(",")
    if options.connections is not None:
        claims["max_connections"] = options.connections
    grant_of(claims, now_s)
    return claims


def signed(claims: Mapping[str, Any], key: str) -> str:
    """Return the token with these claims."""
    return jwt.encode(dict(claims), key, ALGORITHM, headers={"kid": kid_of(key)})


def current_key(deployment: Deployment) -> str:
    """Return the key that signs new tokens.

    Raises:
        NotFound: the deployment takes no tokens.
        ClientError, BotoCoreError: Secrets Manager refuses, or does not answer.
    """
    manager = deployment.session.client("secretsmanager", endpoint_url=deployment.endpoint, config=PATIENT)
    return stored_pair(manager, secret_of(deployment, TOKENS))[CURRENT]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.sign_token", description="Prints a token for one client.")
    parser.add_argument("--subject", required=True, help="the client that the token is for, e.g. a customer's number")
    parser.add_argument("--channels", default="", help="the channels that it allows, with commas between; all without")
    parser.add_argument("--connections", type=int, help="how many connections the subject may have at the same time")
    parser.add_argument("--minutes", type=int, default=60, help="how long it is valid (default 60)")
    parser.add_argument("--stack", default="", help="on AWS; without it, the local stack that runs")
    parser.add_argument("--state", type=Path, default=LOCAL, help="where the local stack keeps its state")
    return parser


if __name__ == "__main__":
    sys.exit(main())
