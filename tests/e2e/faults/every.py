"""All faults, in the order of the table."""

from tests.e2e.faults import clocks, dynamodb, processes, sources, stored, strangers, stream

EVERY = (
    *dynamodb.CASES,
    *processes.CASES,
    *stored.CASES,
    *clocks.CASES,
    *stream.CASES,
    *strangers.CASES,
    *sources.CASES,
)
