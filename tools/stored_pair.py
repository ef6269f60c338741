"""What is stored of a pair of secrets (`shared/connecting/secret_pair.py`), for programs that send or replace it."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


def stored_pair(manager: "SecretsManagerClient", name: str) -> Mapping[str, str]:
    """Return both texts by their names.

    Raises:
        ClientError, BotoCoreError: Secrets Manager refuses, or does not answer.
    """
    found: Mapping[str, str] = json.loads(manager.get_secret_value(SecretId=name)["SecretString"])
    return found
