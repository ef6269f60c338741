"""The faults of docs/reliability.md, by kind. `test_reliability.py` tries them."""
