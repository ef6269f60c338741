"""The Lambdas, one folder each. A cold start runs this file first."""

import gc

# Imports create almost no garbage, and a collection that scans boto3's objects takes longer than most imports.
# https://docs.python.org/3/library/gc.html#gc.set_threshold
gc.set_threshold(100_000)
