"""What a new ingest does before its first invocation, while it has a whole core.

Lambda gives a function of 512 MB less than a third of a core, but not while it starts:
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

from shared.sources.all_sources import AllSources

LONGEST_S = 1.0  # the first tick waits for it
IN_A_LAMBDA = "AWS_LAMBDA_INITIALIZATION_TYPE"


def warm_up(sources: AllSources, read: Callable[[], object]) -> None:
    """Open connections to the sources, and one to DynamoDB by `read`, if this process starts in a Lambda.

    Takes at most `LONGEST_S`. What fails is done again in the first tick, which reports it.
    """
    if IN_A_LAMBDA not in os.environ:
        return
    end_s = time.monotonic() + LONGEST_S
    threads = ThreadPoolExecutor()
    reading = threads.submit(read)
    threads.shutdown(wait=False)
    sources.connect(LONGEST_S)
    wait([reading], end_s - time.monotonic())
