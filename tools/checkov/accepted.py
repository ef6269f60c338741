"""The findings of checkov that are accepted: `accepted.toml`."""

import tomllib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from tools.checkov.findings import Finding

FILE = Path(__file__).parent / "accepted.toml"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A rule and what it asks for, the resources on which it is accepted (`Type.LogicalId*`), and why."""

    rule: str
    says: str
    on: tuple[str, ...]
    why: str

    def covers(self, finding: Finding) -> bool:
        """Say whether this is why a finding is accepted."""
        return (self.rule, self.says) == (finding.rule, finding.says) and any(
            fnmatchcase(finding.resource, pattern) for pattern in self.on
        )


def accepted() -> list[Accepted]:
    """Return the entries of the file."""
    entries = tomllib.loads(FILE.read_text(encoding="utf-8"))["accepted"]
    return [Accepted(each["rule"], each["says"], tuple(each["on"]), each["why"]) for each in entries]


def unexplained(found: Collection[Finding], entries: Collection[Accepted]) -> list[Finding]:
    """Return the findings that no entry covers."""
    return sorted(finding for finding in found if not any(entry.covers(finding) for entry in entries))


def unneeded(found: Collection[Finding], entries: Collection[Accepted]) -> Iterator[str]:
    """Yield the rule and the pattern of an entry that no finding matches."""
    for entry in entries:
        resources = [finding.resource for finding in found if (finding.rule, finding.says) == (entry.rule, entry.says)]
        for pattern in entry.on:
            if not any(fnmatchcase(resource, pattern) for resource in resources):
                yield f"{entry.rule} on {pattern}"


def table() -> str:
    """Return a row per entry, for docs/security.md."""
    rows = ["| rule | asks for | not done for | why |", "|---|---|---|---|"]
    for entry in accepted():
        on = ", ".join(f"`{pattern.rpartition('::')[2]}`" for pattern in entry.on)
        rows.append(f"| {entry.rule} | {entry.says} | {on} | {entry.why} |")
    return "\n".join(rows)
