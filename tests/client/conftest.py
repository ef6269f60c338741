"""How long an example takes is not a rule of the client."""

from hypothesis import settings

settings.register_profile("client", deadline=None)
settings.load_profile("client")
