"""Who may connect: the entrance of the feed, in front of everything that a connection can do."""
