"""What a speaker answers, before HTTP and its faults."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body and headers of an answer. The body is JSON, as text."""

    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def with_headers(self, headers: Mapping[str, str]) -> "Answer":
        return Answer(self.status, self.body, {**self.headers, **headers})
