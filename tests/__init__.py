"""The tests: a folder per room of the code, `contract` for the AsyncAPI document, `e2e` for the deployed feed."""
