"""The exchange on this machine: the market-data APIs that the feed reads, on a simulated or recorded market."""
