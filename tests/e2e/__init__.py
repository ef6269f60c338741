"""The whole feed, deployed by the CDK CLI into the local stack with IAM in force, driven by real clients over wss."""
