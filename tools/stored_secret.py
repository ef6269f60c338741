"""The secrets of a deployment, by the beginnings of their logical IDs."""

from tools.deployment import Deployment, NotFound

ORIGIN, TOKENS = "ApiOrigin", "ApiToken"
# Why a stack may have none.
NEEDS = {
    ORIGIN: "has no edge that sends a secret: that needs site or own_proxy",
    TOKENS: "takes no tokens: deploy it with auth=token",
}
KIND = "AWS::SecretsManager::Secret"


def secret_of(deployment: Deployment, logical: str) -> str:
    """Return the name of a secret, by which Secrets Manager finds it.

    Raises:
        NotFound: the stack has none.
    """
    for resource, (kind, name) in deployment.resources.items():
        if kind == KIND and resource.startswith(logical):
            return name
    raise NotFound(f"the stack {deployment.stack} {NEEDS[logical]}")
