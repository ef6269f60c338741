"""What the feed answers over HTTP: documents, each named by its path, and problems."""
