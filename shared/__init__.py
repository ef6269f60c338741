"""What the Lambdas share. Nothing here acts on import. `model`, `pricing`, `sources` and `protocol` do not use AWS."""
