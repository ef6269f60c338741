"""A client's address as the logs show it."""

import hashlib
import hmac

DIGITS = 16


def logged_address(address: str, key: str) -> str:
    """The address, or with a key a hash that is the same for the same address: without the key nobody can try all
    addresses to find it."""
    return hmac.new(key.encode(), address.encode(), hashlib.sha256).hexdigest()[:DIGITS] if key else address
