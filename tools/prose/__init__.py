"""The prose checker of `make lint`: plain English in docs, docstrings, comments, error texts and test names."""
