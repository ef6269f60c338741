"""The terminal client: follows the feed and shows its quotes."""
