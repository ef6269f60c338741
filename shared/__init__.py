"""What the Lambdas have in common. Nothing here acts on import; `store` and `gateway` aside, nothing knows AWS."""
