"""Who may connect: the door of the feed, in front of everything that a connection can do."""
