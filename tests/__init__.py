"""The tests: rules of one module in `unit`, the template in `infra`, the deployed feed in `e2e`."""
