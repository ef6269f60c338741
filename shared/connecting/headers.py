"""The headers that the edge adds to a handshake: CloudFront on AWS, your own proxy, or the edge of the local stack.

They count only with the right secret. The edge sets all three itself and so replaces what a client sent in them.
"""

PROOF = "x-cadfeed-origin"  # the origin secret
VIEWER = "x-cadfeed-viewer"  # the address of the viewer, as the edge sees it
HOST = "x-cadfeed-host"  # the name at which the viewer found the feed
