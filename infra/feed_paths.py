"""The feed's paths on the page's address: on CloudFront, and at the local edge."""

FEED_PATH = "/markets/ws/"
# Front-ends of the original server connect with two slashes, which that server takes.
FEED_PATHS = tuple(f"{slashes}markets/ws{end}" for slashes in ("/", "//") for end in ("", "/"))
# CloudFront's patterns, which match the whole path; `/markets/ws*` would match more than the feed.
FEED_PATTERNS = tuple(f"{path}*" if path.endswith("/") else path for path in FEED_PATHS)
