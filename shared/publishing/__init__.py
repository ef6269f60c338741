"""From a tick that was written to the frames that connections get."""
