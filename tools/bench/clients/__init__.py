"""The clients that the bench compares, a module each.

`make(url, ca, in_flight)` is a client that is ready to post; called with connection ids, which it takes as it has room
for them, it posts a frame to each and returns how many were answered 200.
"""

from collections.abc import Callable, Iterator

Post = Callable[[Iterator[str]], int]
