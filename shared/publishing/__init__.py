"""From a written tick to the frames that connections get."""
