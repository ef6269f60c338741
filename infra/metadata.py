"""Where the template says with which settings it was made. `make backup` reads it."""

METADATA = "cadfeed"
