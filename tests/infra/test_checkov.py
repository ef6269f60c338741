"""checkov on the template: no finding without a reason, and no reason without a finding."""

import pytest

from tests.infra.synthesis import Synthesised
from tools.checkov.accepted import Accepted, accepted, unexplained, unneeded
from tools.checkov.findings import Finding, findings, read

FINDING = Finding("CKV_AWS_21", "Ensure it", "AWS::S3::Bucket.SitePage9170653D")


@pytest.fixture(scope="module")
def found(
    alarming: Synthesised,
    sharded: Synthesised,
    with_tokens: Synthesised,
    with_site: Synthesised,
    with_own_domain: Synthesised,
) -> set[Finding]:
    stacks = {
        "alarming": alarming,
        "sharded": sharded,
        "tokens": with_tokens,
        "site": with_site,
        "own_domain": with_own_domain,
    }
    return findings({name: stack.template.to_json() for name, stack in stacks.items()})


def test_every_finding_is_accepted_for_a_reason(found: set[Finding]) -> None:
    assert len(found) > 20
    assert unexplained(found, accepted()) == []


def test_every_reason_has_its_finding(found: set[Finding]) -> None:
    assert list(unneeded(found, accepted())) == []
    assert all(len(entry.why.split()) >= 5 for entry in accepted())


@pytest.mark.parametrize(
    ("pattern", "is_covered"), [("AWS::S3::Bucket.Site*", True), ("AWS::S3::Bucket.Other*", False)]
)
def test_an_entry_covers_only_the_resources_it_names(pattern: str, is_covered: bool) -> None:
    entries = [Accepted(FINDING.rule, FINDING.says, (pattern,), "Because.")]
    assert unexplained([FINDING], entries) == ([] if is_covered else [FINDING])
    assert list(unneeded([FINDING], entries)) == ([] if is_covered else [f"CKV_AWS_21 on {pattern}"])


@pytest.mark.parametrize(
    "output",
    [
        '{"passed": 0, "failed": 0, "skipped": 0, "parsing_errors": 0, "resource_count": 0}',
        '{"summary": {"passed": 9, "parsing_errors": 1}, "results": {"failed_checks": []}}',
    ],
)
def test_what_checkov_cannot_read_is_an_error(output: str) -> None:
    with pytest.raises(RuntimeError, match="checkov could not read"):
        read(output)
