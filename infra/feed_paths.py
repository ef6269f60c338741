"""The feed's paths on the page's address: on CloudFront, and at the local edge."""

FEED_PATH = "/markets/ws/"
# Front-ends of the original server connect with two slashes, which that server takes.
FEED_PATHS = tuple(f"{slashes}markets/ws{end}" for slashes in ("/", "//") for end in ("", "/"))
# CloudFront's patterns. They match more than the feed, but no document: the free pricing plan has five behaviours.
FEED_PATTERNS = ("/markets/ws*", "//markets/ws*")
