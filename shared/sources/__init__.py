"""The sources, one file each and the same shape for all: where and how often to ask, and how to read the answer."""
