"""The Lambdas, a folder each. This is the first of the code that a cold start runs."""

import gc

# While modules are imported next to nothing becomes garbage, and to look through all that boto3 makes takes some 12 ms
# each time. Between invocations there is less to look through than this.
gc.set_threshold(100_000)
