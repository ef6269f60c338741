"""Fetches candles from exchanges' histories: which ones, from which market, at which pace."""
