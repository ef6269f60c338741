"""The values that travel through the feed, and the catalogue. Every room may import it; it imports no other room."""
