"""What a client asks, and what it is answered."""
