"""The values that travel through the feed, and the catalogue. Used by all, uses nobody."""
