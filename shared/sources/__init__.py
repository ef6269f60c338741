"""Upstreams, one file each and one shape for all: where and how often to ask, how to read the answer."""
