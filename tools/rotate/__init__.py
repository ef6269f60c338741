"""`make rotate`: replaces a secret of a deployment, step by step, while clients connect."""
