"""The bench: a sink that stands in for API Gateway, clients that post to it, and the measurements."""
