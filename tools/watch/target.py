"""The feed to follow, how to connect to it, and plain words for why that failed."""

import os
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cadfeed_client import Feed, Heard, State
from cadfeed_client.address import failure_of, is_loopback, is_refusal, tls_context
from cadfeed_client.tokens import VARIABLE
from shared.model.channels import RATES_COMPACT

LOCAL_CA = Path(__file__).resolve().parents[2] / ".local" / "tls" / "ca.pem"


@dataclass(frozen=True, slots=True)
class Target:
    """What to follow: a feed, a channel, symbols (none: all), and a CA to trust besides the system's. If the feed asks
    for a token, it comes from the environment."""

    url: str
    channel: str = RATES_COMPACT
    symbols: tuple[str, ...] = ()
    ca: Path | None = None

    def feed(self, on_state: Callable[[State], object], on_heard: Callable[[Heard], object]) -> Feed:
        """Return the client that follows it.

        Raises:
            OSError: the CA file cannot be read or is not a CA file.
        """
        return Feed(
            self.url,
            self.symbols or None,
            channel=self.channel,
            on_state=on_state,
            token=os.environ.get(VARIABLE) or None,
            on_heard=on_heard,
            ssl=tls(self),
        )


def now_ms() -> int:
    """Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


def tls(target: Target) -> ssl.SSLContext | None:
    """Return the verifying TLS context for a target, or None for ws://. The local CA is trusted only for this machine.

    Raises:
        OSError: the CA file cannot be read or is not a CA file (`ssl.SSLError` is an OSError).
    """
    local = LOCAL_CA if is_loopback(target.url) and LOCAL_CA.exists() else None
    return tls_context(target.url, target.ca or local)


def explain(error: Exception, target: Target) -> str:
    """Return in one line why a connection failed and what to do next."""
    failure = failure_of(error, target.url)
    if isinstance(error, ssl.SSLCertVerificationError):
        failure = failure._replace(advice="pass --ca FILE or run `make trust`")
    elif is_refusal(error) and is_loopback(target.url):
        failure = failure._replace(advice="is `make run` running?")
    return str(failure)
