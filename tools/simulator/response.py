"""A response of a simulated exchange before HTTP and faults."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Response:
    """Status, body and headers. The body is JSON text. `over_limit` marks the refusal of one request too many."""

    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)
    over_limit: bool = False

    def with_headers(self, headers: Mapping[str, str]) -> "Response":
        return replace(self, headers={**self.headers, **headers})
