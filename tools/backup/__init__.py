"""`make backup` and `make restore`: the candles of a deployment as a file, and back."""
