"""Why a finding of cdk-nag is accepted: said beside the construct, and listed in docs/security.md."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IConstruct


@dataclass(frozen=True, slots=True)
class Accepted:
    """A finding, such as `AwsSolutions-IAM5[Resource::*]`, that is accepted for the construct at `path`."""

    path: str
    finding: str
    reason: str

    @property
    def rule(self) -> str:
        """The rule without its finding: `AwsSolutions-IAM5`."""
        return self.finding.partition("[")[0]


def accept(construct: IConstruct, reasons: Mapping[str, str]) -> None:
    """Accept findings of cdk-nag for a construct and what it is made of: `reasons` has why, by the finding."""
    Validations.of(construct).acknowledge(*(Acknowledgment(id=finding, reason=why) for finding, why in reasons.items()))


def accepted(stack: Stack) -> Iterator[Accepted]:
    """Yield every finding that is accepted somewhere in a stack."""
    for construct in stack.node.find_all():
        for entry in construct.node.metadata:
            if entry.type == Validations.ACKNOWLEDGED_RULES_METADATA_KEY:
                for finding, reason in entry.data.items():
                    yield Accepted(construct.node.path, finding.removeprefix("Annotation::"), reason)
