"""Python `websockets`: URL CA OFFER MESSAGE..., where OFFER is `plain` or `deflate`."""

import ssl
import sys

from websockets.sync.client import connect

url, ca, offer, *messages = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
# On a busy machine sixteen clients start at once.
with connect(url, ssl=context, compression="deflate" if offer == "deflate" else None, open_timeout=60) as socket:
    for message in messages:
        socket.send(message)
    for frame in socket:
        print(frame, flush=True)
