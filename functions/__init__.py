"""The Lambdas, a folder each. This is the first of the code that a cold start runs."""

import gc

# While modules are imported next to nothing becomes garbage, and each look through all that boto3 has made takes longer
# than most imports. https://docs.python.org/3/library/gc.html#gc.set_threshold
gc.set_threshold(100_000)
