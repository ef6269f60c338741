"""The bench: a sink that stands for API Gateway, clients that post to it, and what is measured of them."""
