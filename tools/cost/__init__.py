"""The feed's monthly cost on AWS from documented prices, and where another design would be cheaper."""
