"""The local stack: everything that `make run` starts on one machine."""
