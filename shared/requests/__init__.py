"""What clients ask, and the answers."""
