"""The clients that the bench compares, one per module.

`make(url, ca, in_flight)` returns a client that is ready to post. Call the client with an iterator of connection ids:
it posts one frame to each, `in_flight` at a time, and returns how many answers had status 200.
"""

from collections.abc import Callable, Iterator

Post = Callable[[Iterator[str]], int]
