"""What the feed costs a month on AWS, computed from documented prices, and where another design would be cheaper."""
