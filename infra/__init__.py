"""The CDK app: one file per construct."""
