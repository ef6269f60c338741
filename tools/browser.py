"""The browser that tests and measurements drive: the Chromium of this machine."""

import shutil

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NO_CHROMIUM = "no Chromium is installed (Debian: apt install chromium)"
